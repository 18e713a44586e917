"""Who did what, when and from where: logins, keys, administration, launches and stops."""
