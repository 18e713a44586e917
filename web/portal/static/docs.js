// Opens what a link leads to: a closed part would show nothing but its name.

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let part = target; part; part = part.parentElement) {
    if (part.localName === "details") part.open = true;
  }
  target?.scrollIntoView();
}

addEventListener("hashchange", openTarget);
if (location.hash) openTarget();
