"""The commands of `kscope`, one module each: its `command` is found by the module's name."""
