"""One module per page, each with `add(blueprint, parts)`. Thin: what a page shows is made in
`web.portal.shown`."""
