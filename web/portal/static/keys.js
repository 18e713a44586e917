// A field to find models by, above a long list of them to tick. Without it the list is whole.

const LONG = 8;

function addFilter(box) {
  const choices = [...box.querySelectorAll(".choice")];
  if (choices.length <= LONG) return;
  const field = document.createElement("input");
  field.type = "search";
  field.placeholder = "Find a model";
  field.setAttribute("aria-label", "Find a model in this list");
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const choice of choices) {
      const name = choice.textContent.toLowerCase();
      const isTicked = choice.querySelector("input").checked;
      // What is ticked stays in sight, so that nobody forgets it.
      choice.hidden = !isTicked && !words.every((word) => name.includes(word));
    }
  });
  // Enter in this field is no wish to make the key.
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
  box.querySelector(".choices").before(field);
}

for (const box of document.querySelectorAll("[data-filter]")) addFilter(box);
