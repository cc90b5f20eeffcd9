
const filters = document.querySelector(".filters");
const requests = [...document.querySelectorAll(".request")];
const texts = requests.map((one) => one.textContent.toLowerCase());

function filter() {
  const chosen = new FormData(filters);
  const verdicts = new Set(chosen.getAll("verdict"));
  const words = chosen.get("words").toLowerCase().split(/\s+/).filter(Boolean);
  requests.forEach((one, at) => {
    const found = words.every((word) => texts[at].includes(word));
    one.hidden = !(verdicts.has(one.dataset.verdict) && found);
  });
  const shown = requests.filter((one) => !one.hidden).length;
  filters.querySelector("output").textContent = `${shown} of ${requests.length}`;
}

function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
}

filters.hidden = false;
filters.addEventListener("input", filter);
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("click", (event) => {
  const open = event.target.dataset.open;
  if (open) requests.filter((one) => !one.hidden).forEach((one) => { one.open = open === "true"; });
});
addEventListener("hashchange", openTarget);
openTarget();
filter();
