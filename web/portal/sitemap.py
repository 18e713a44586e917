"""Every route of the portal, with what it is for: the document is made of it. Only data.

Names in braces stand for something. A test holds this and the routes together.
"""

# What each page is for.
PAGES = {
    "/": "What this is, its address, the models at a glance, the state of your keys",
    "/keys": "Your keys",
    "/keys/new": "The form to make a key",
    "/keys/{key_id}/rotate": "The form to replace a key",
    "/models": "The models you may use, and what is true of each",
    "/models/{name}": "One model: its instances, its queue, its past",
    "/use": "Code to copy for each client, with this address and a model of yours",
    "/playground": "Chat with a model",
    "/usage": "What you used: tokens, requests, GPU-hours and cost, over time and by model",
    "/usage/everybody": "What everybody used, by model and by user",
    "/docs": "This document for people",
    "/admin": "How the gateway and its cluster are",
    "/admin/users": "Users, found by name",
    "/admin/users/new": "The form to make a user",
    "/admin/users/one": "One user",
    "/admin/keys": "Everybody's keys",
    "/admin/keys/new": "The form to make a key for a user or a service",
    "/admin/limits": "The limits that hold",
    "/admin/limits/one": "The form for one limit",
    "/admin/instances": "Every instance, by model",
    "/admin/instances/one": "One instance and its log",
    "/admin/orphans": "Jobs that belong to no instance",
    "/admin/warm": "Warm windows, and what they do now",
    "/admin/audit": "Who did what, when and from where",
    "/admin/use": "Who uses what",
}
# What pages ask for again and again, to show what is true by now.
PARTS = {
    "/live/home": "The models at a glance",
    "/live/models": "The list of models",
    "/live/models/{name}": "What is true of one model",
    "/admin/now": "How the gateway is",
    "/admin/instances/table": "The instances",
    "/admin/instances/one/state": "The state of one instance",
    "/admin/use/now": "Who uses what just now",
}
# What the pages' forms do; afterwards the browser is sent to a page that shows it.
DEEDS = {
    "/logout": "Log out",
    "/keys": "Make a key, which is shown once",
    "/keys/{key_id}/rotate": "Replace a key, with an overlap",
    "/keys/{key_id}/revoke": "Revoke a key",
    "/models/{name}": "Ask for a start of the model, or take that back",
    "/admin/users/new": "Make a user",
    "/admin/users/enable": "Let a user in again",
    "/admin/users/disable": "Shut a user out, with all keys and sessions",
    "/admin/users/groups": "Put a user into groups",
    "/admin/users/admin": "Give or take the rights of an administrator",
    "/admin/users/password": "Set a local user's password",
    "/admin/users/logout": "End all sessions of a user",
    "/admin/keys/new": "Make a key, which is shown once",
    "/admin/keys/revoke": "Revoke a key",
    "/admin/limits/set": "Set a limit",
    "/admin/limits/unset": "Take a limit away",
    "/admin/orders": "Launch, drain, stop, or try again",
    "/admin/instances/log": "Ask for the end of an instance's log",
}
# What is given to scripts or to keep: path -> (what it is, its media type).
FILES = {
    "/playground/progress": ("How the start of a model goes", "application/json"),
    "/usage/csv": ("What you used, for spreadsheets", "text/csv"),
    "/usage/everybody/csv": ("What everybody used, for spreadsheets", "text/csv"),
}
OPEN = ("/docs",)
# Where paths begin that exist for administrators only.
ADMINISTRATION = ("/admin", "/usage/everybody")
