// The workbench as a CDS client: it asks the service as an EHR would and shows what comes.
// Requests and HTML are made by the server; here is only what happens between them.
"use strict";

const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

const PATIENCE = 30_000; // milliseconds

// A service that is not reached is an answer too: one with the status 0.
async function ask(url, options) {
  try {
    const response = await fetch(url, { ...options, signal: AbortSignal.timeout(PATIENCE) });
    return { ok: response.ok, status: response.status, body: await response.json().catch(() => ({})) };
  } catch {
    return { ok: false, status: 0, body: {} };
  }
}

function post(url, body) {
  const headers = { "Content-Type": "application/json" };
  return ask(url, { method: "POST", headers, body: JSON.stringify(body) });
}

function whyNot({ status, body }) {
  if (!status) return "The service cannot be reached. Is it still running?";
  const said = (body.issue ?? []).map((issue) => issue.details?.text).filter(Boolean);
  return said.join(" ") || `The service answered with status ${status}.`;
}

function workbench() {
  const scene = JSON.parse(find("#scene").textContent);
  const form = find("#order");
  const state = { drafts: scene.drafts, current: scene.current, made: null, answer: null, turn: 0 };

  // --- asking -------------------------------------------------------------------------

  async function fire(hook, { fields = null, focus = false } = {}) {
    const turn = ++state.turn; // an answer to an older question is dropped
    state.again = () => fire(hook, { fields, focus: true });
    find("#cards").setAttribute("aria-busy", "true");
    const asked = { scene: scene.key, hook, drafts: state.drafts, current: state.current, fields };
    const { made, answer, shown, failed } = await answered(asked, () => turn === state.turn);
    if (turn !== state.turn) return;
    if (made) state.drafts = made.drafts;
    if (failed) {
      fail(whyNot(failed), { again: true });
    } else {
      Object.assign(state, { made, answer });
      show(shown);
    }
    if (focus) find("#cards-title").focus();
  }

  async function answered(asked, wanted) {
    const request = await post(scene.urls.request, asked);
    if (!request.ok || !wanted()) return { failed: request };
    const made = request.body;
    const answer = await post(made.url, made.request);
    if (!answer.status || !wanted()) return { made, failed: answer };
    const told = { scene: scene.key, request: made.request, status: answer.status };
    const drawn = await post(scene.urls.answer, { ...told, response: answer.body, current: state.current });
    return drawn.ok ? { made, answer, shown: drawn.body } : { made, failed: drawn };
  }

  // What was shown for an earlier question would be taken for the answer to this one.
  function fail(said, { again = false } = {}) {
    const told = find("#failure").content.cloneNode(true);
    find("p", told).textContent = said;
    find("[data-again]", told).hidden = !again;
    find("#cards").replaceChildren(told);
    announce("Not checked");
    find("#behind").hidden = find("#sign").disabled = true; // the drafts may not be what was entered
  }

  function announce(status) {
    find("#cards").removeAttribute("aria-busy");
    find("#status").textContent = find("#jump").textContent = status;
    find("#jump").classList.toggle("urgent", Boolean(find("#cards :is(.critical, .failure)")));
    find("#jump").hidden = false;
  }

  function show(parts) {
    for (const name of ["cards", "drafts", "timeline", "silent"]) find(`#${name}`).innerHTML = parts[name];
    state.forms = parts.forms;
    announce(parts.status);
    find("#silent-count").textContent = `(${parts.silences})`;
    find("#request").textContent = JSON.stringify(state.made.request, null, 2);
    find("#response").textContent = JSON.stringify(state.answer.body, null, 2);
    find("#behind").hidden = false;
    find("#sign").disabled = find("#another").hidden = !state.drafts.length;
  }

  // On a phone the cards are below the order: the way to them is shown until they are reached.
  new IntersectionObserver(([title]) => {
    find("#jump").classList.toggle("arrived", title.boundingClientRect.top < innerHeight);
  }).observe(find("#cards-title"));

  // --- the order form -----------------------------------------------------------------

  function fieldsOf() {
    const data = Object.fromEntries(new FormData(form));
    return { ...data, id: state.current, service: data[`service-${data.kind}`] ?? "" };
  }

  function fill(fields) {
    form.reset();
    form.elements.kind.value = fields.kind;
    for (const name of ["drug", "dose", "unit", "frequency", "days", "route", "reason"]) {
      form.elements[name].value = fields[name] ?? "";
    }
    const service = form.elements[`service-${fields.kind}`];
    if (service) service.value = fields.service ?? "";
    turnTo(fields.kind);
    mistakes();
  }

  function turnTo(kind) {
    form.dataset.kind = kind;
  }

  function focusOrder() {
    find(`.for-${form.elements.kind.value} :is(input, select)`, form).focus();
  }

  // Mark the numbers that no order can have, and return them.
  function mistakes() {
    const numbers = all("input[type=number]", form);
    const wrong = numbers.filter((input) => form.elements.kind.value === "drug" && !input.validity.valid);
    for (const input of numbers) {
      input.setAttribute("aria-invalid", wrong.includes(input));
      find(`#${input.name}-mistake`).hidden = !wrong.includes(input);
    }
    return wrong;
  }

  function order() {
    const wrong = mistakes();
    if (!wrong.length) return fire("order-select", { fields: fieldsOf() });
    state.turn += 1; // nothing that is still asked fits the form
    return fail(wrong.map((input) => find(`#${input.name}-mistake`).textContent).join(" "));
  }


  function nextId() {
    const numbers = state.drafts.map((draft) => Number(/^draft-(\d+)$/.exec(draft.id)?.[1] ?? 0));
    return `draft-${Math.max(0, ...numbers) + 1}`;
  }

  function begin() {
    state.current = nextId();
    fill({ kind: "drug", reason: scene.reason });
  }

  let waiting;
  async function suggestDrugs(typed) {
    const { ok, body } = await ask(`${scene.urls.drugs}?q=${encodeURIComponent(typed)}`);
    if (!ok) return;
    find("#drugs").replaceChildren(...body.map((name) => Object.assign(document.createElement("option"), { value: name })));
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", (event) => {
    if (event.target.name === "kind") turnTo(event.target.value);
    order();
  });
  form.elements.drug.addEventListener("input", (event) => {
    const typed = event.target.value;
    clearTimeout(waiting);
    if (all("#drugs option").some((option) => option.value === typed)) order();
    else waiting = setTimeout(() => suggestDrugs(typed), 120);
  });

  // --- suggestions, overrides, facts --------------------------------------------------

  const cardOf = (uuid) => state.answer.body.cards.find((card) => card.uuid === uuid);
  const suggestionOf = (uuid) => state.answer.body.cards
    .flatMap((card) => (card.suggestions ?? []).map((suggestion) => ({ card, suggestion })))
    .find((each) => each.suggestion.uuid === uuid);

  function feedback(item) {
    const feedback = [{ ...item, outcomeTimestamp: new Date().toISOString() }];
    return post(`${state.made.url}/feedback`, { feedback });
  }

  function tell(text) {
    find("#told").textContent = text;
  }

  function apply(action) {
    if (action.type === "delete") {
      const gone = action.resourceId ?? `${action.resource.resourceType}/${action.resource.id}`;
      state.drafts = state.drafts.filter((draft) => `${draft.resourceType}/${draft.id}` !== gone && draft.id !== gone);
    } else if (action.type === "update") {
      state.drafts = state.drafts.map((draft) => (draft.id === action.resource.id ? action.resource : draft));
    } else {
      state.drafts = [...state.drafts, { ...action.resource, id: action.resource.id ?? nextId() }];
    }
  }

  async function accept(uuid, button) {
    button.disabled = true; // pressed twice, it would order twice
    const { card, suggestion } = suggestionOf(uuid);
    const sent = await feedback({ card: card.uuid, outcome: "accepted", acceptedSuggestions: [{ id: uuid }] });
    (suggestion.actions ?? []).forEach(apply);
    tell(`Accepted: ${suggestion.label}.${sent.ok ? "" : " The feedback could not be stored."}`);
    if (!state.drafts.some((draft) => draft.id === state.current)) begin();
    await fire("order-select", { focus: true });
    if (state.forms?.[state.current]) fill(state.forms[state.current]);
  }

  async function override(uuid, { reason, comment }) {
    const chosen = cardOf(uuid).overrideReasons[Number(reason)];
    const why = { reason: chosen, ...(comment ? { userComment: comment } : {}) };
    const sent = await feedback({ card: uuid, outcome: "overridden", overrideReason: why });
    if (!sent.ok) return tell(`The feedback could not be stored. ${whyNot(sent)}`);
    const card = all("[data-card]").find((each) => each.dataset.card === uuid);
    const done = find("form", card).dataset.done;
    card.classList.add("overridden");
    find(".override", card).remove();
    find(".suggestions", card)?.remove();
    tell(`${done}: ${chosen.display}. The feedback is in the report.`);
    find("#cards-title").focus();
  }

  function highlight(resource, button) {
    all(".lit").forEach((each) => each.classList.remove("lit"));
    const same = all("[data-resource]").filter((each) => each.dataset.resource === resource);
    same.forEach((each) => each.classList.add("lit"));
    const seen = same.find((each) => each.getClientRects().length);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    seen?.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
    tell(`${seen ? "Shown in the chart" : "Not drawn in the chart"}: ${button.textContent}`);
  }

  function save() {
    const name = scene.key.replace(/^.*\//, "");
    const blob = new Blob([`${JSON.stringify(state.made.request, null, 2)}\n`], { type: "application/json" });
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${name}.request.json` });
    link.click();
    URL.revokeObjectURL(link.href);
  }

  const clicks = {
    accept,
    show: highlight,
    edit(id) {
      state.current = id;
      fill(state.forms[id]);
      focusOrder();
      return fire("order-select");
    },
    remove(id) {
      state.drafts = state.drafts.filter((draft) => draft.id !== id);
      if (state.current === id) begin();
      find("#orders-title").focus(); // the button that was pressed is gone
      return fire("order-select");
    },
    try(order) {
      const id = state.current;
      fill(JSON.parse(order));
      return fire("order-select", { fields: { ...JSON.parse(order), id } });
    },
    copy(name) {
      const copied = navigator.clipboard?.writeText(find(`#${name}`).textContent) ?? Promise.reject();
      return copied.then(() => tell(`The ${name} is copied.`), () => tell("The browser does not let pages copy here."));
    },
    again: () => state.again(),
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) tell(""); // what was told is about an earlier press
    for (const [name, act] of Object.entries(clicks)) {
      if (button?.dataset[name] !== undefined) act(button.dataset[name], button);
    }
  });
  document.addEventListener("submit", (event) => {
    const uuid = event.target.dataset.override;
    if (uuid === undefined) return;
    event.preventDefault();
    override(uuid, Object.fromEntries(new FormData(event.target)));
  });
  find("#sign").addEventListener("click", () => fire("order-sign", { focus: true }));
  find("#another").addEventListener("click", () => {
    begin();
    focusOrder();
  });
  find("#save").addEventListener("click", save);

  if (state.drafts.length) fill(scene.form);
  else begin();
  fire(scene.hook);
}

function rulebook() {
  const filter = find("#filter");
  const rules = all(".rules > li");

  function sift() {
    const { q, class: wanted, axis, indicator } = Object.fromEntries(new FormData(filter));
    const words = q.toLowerCase().split(/\s+/).filter(Boolean);
    for (const rule of rules) {
      const { words: text, classes, axis: own, indicators } = rule.dataset;
      rule.hidden = !(
        words.every((word) => text.includes(word))
        && (!wanted || classes.split(" ").includes(wanted))
        && (!axis || own === axis)
        && (!indicator || indicators.split(" ").includes(indicator))
      );
    }
    const left = rules.filter((rule) => !rule.hidden).length;
    find("#found").textContent = `${left} of ${rules.length} rules`;
  }

  filter.addEventListener("input", sift);
  filter.addEventListener("submit", (event) => event.preventDefault());
  sift();
}

if (find("#order")) workbench();
if (find("#filter")) rulebook();
