// Filters of the overview: a corpus is shown if it has what is chosen in every field.
(() => {
  const form = document.querySelector("#catalogue-filters");
  if (!form) return;
  const corpora = [...document.querySelectorAll("#catalogue .corpus")];
  const shown = document.querySelector("#catalogue-count");

  function matches(corpus, field) {
    const wanted = field.value.trim().toLowerCase();
    if (!wanted) return true;
    if (field.type === "search") return corpus.textContent.toLowerCase().includes(wanted);
    return corpus.dataset[field.name].toLowerCase().split("|").includes(wanted);
  }

  function update() {
    const fields = [...form.elements].filter((field) => field.name);
    for (const corpus of corpora) {
      corpus.hidden = !fields.every((field) => matches(corpus, field));
    }
    const number = corpora.filter((corpus) => !corpus.hidden).length;
    shown.textContent = number
      ? `${number} of ${corpora.length} corpora`
      : "No corpus has all of this. Choose “any” in one of the fields.";
  }

  form.hidden = false; // Without scripts there is no use of it, and all corpora are shown.
  form.addEventListener("input", update);
  form.addEventListener("change", update); // What drives a browser by program may send only this.
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(update));
  update();
})();
