"""What axe-core finds on a page as it stands in the browser, and what no zoom may do to it."""

from importlib.resources import files

from playwright.sync_api import Page

SOURCE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
OPTIONS = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
# Of 1440 pixels at 200 %, of a phone, and of 1280 at 400 % (WCAG 1.4.10).
NARROW = ((720, 450), (390, 844), (320, 640))

WIDER = """() => {
  const { clientWidth, scrollWidth } = document.documentElement;
  if (scrollWidth <= clientWidth) return [];
  const name = (each) => `${each.tagName}.${each.className?.baseVal ?? each.className}`;
  const beyond = (each) => each.getBoundingClientRect().right > clientWidth;
  const names = [...document.body.querySelectorAll("*")].filter(beyond).map(name);
  return [`${scrollWidth} is wider than ${clientWidth}: ${names.slice(-6).join(", ") || "text"}`];
}"""


def violations(page: Page) -> list[str]:
    """One line for each, of whatever weight: rule, weight, help, and the first elements."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(SOURCE)
    found = page.evaluate("(options) => axe.run(document, options)", OPTIONS)
    return [_line(each) for each in found["violations"]]


def _line(violation: dict) -> str:
    nodes = [f"{node['target']} {node['html'][:160]}" for node in violation["nodes"][:4]]
    summary = violation["nodes"][0]["failureSummary"].replace("\n", " ")
    told = f"{violation['id']} ({violation['impact']}): {violation['help']}; {summary}"
    return "\n  ".join([told, *nodes])


def scrolls_sideways(page: Page) -> list[str]:
    """The elements that make the page wider than its window; none if it is not."""
    return page.evaluate(WIDER)
