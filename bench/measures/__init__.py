"""One module per thing that is measured: each takes the stage and returns plain figures."""
