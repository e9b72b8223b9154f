/** "Is it you?": name and date of birth, or the code of the invitation. */

/** @import {Host} from "../steps.js" */
/** @import {Challenge} from "../../shared/visit-api.js" */

/** @param {Host} host @param {Challenge} challenge @returns {HTMLElement} */
export function challengeForm(host, challenge) {
  const { t, ui } = host;
  const { h, icon, button } = ui;
  const error = h("p", { class: "field-error", id: "challenge-error", role: "alert", hidden: true });
  const say = (/** @type {string} */ words) => {
    ui.setText(error, words);
    error.hidden = false;
  };
  const { fields, answer } = challenge.kind === "code" ? code(host) : birth(host);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const given = answer();
    if (!given) return say(t("challenge.incomplete"));
    check.disabled = true;
    try {
      const { passed, tries_left: left } = await host.api("challenge", given);
      // The view follows; until then the answer itself says what to do.
      if (!passed) say(left > 0 ? host.count("challenge.wrong", left) : t("challenge.locked"));
      await host.refresh();
    } catch {
      say(t("step.failed"));
    } finally {
      check.disabled = false;
    }
  };
  const check = button({ label: t("challenge.check"), class: "primary", onclick: () => {} });
  check.type = "submit";
  const locked = challenge.tries_left <= 0;
  return h(
    "form",
    {
      class: "card padded col challenge",
      noValidate: true,
      "aria-labelledby": "challenge-title",
      on: { submit },
    },
    h(
      "div",
      { class: "row" },
      icon("shield-check"),
      h("h2", { class: "grow", id: "challenge-title" }, t("challenge.title")),
    ),
    h("p", { class: "muted" }, t(locked ? "challenge.locked" : "challenge.text")),
    ...(locked ? [] : [fields, error, check]),
  );
}

/** @param {Host} host */
function code({ t, ui }) {
  const { h } = ui;
  const input = h("input", {
    id: "challenge-code",
    class: "input num",
    inputMode: "numeric",
    autocomplete: "one-time-code",
    maxLength: 12,
    "aria-describedby": "challenge-hint challenge-error",
  });
  const fields = h(
    "div",
    { class: "field" },
    h("label", { for: "challenge-code" }, t("challenge.code")),
    h("p", { class: "small muted", id: "challenge-hint" }, t("challenge.code.hint")),
    input,
  );
  return { fields, answer: () => (input.value.trim() ? { code: input.value.trim() } : null) };
}

/** Three fields rather than a calendar: nobody pages back through sixty years. @param {Host} host */
function birth({ t, ui, language }) {
  const { h, icon } = ui;
  const name = h("input", { id: "challenge-name", class: "input", autocomplete: "name", maxLength: 120 });
  const number = (/** @type {string} */ id, /** @type {string} */ words, /** @type {number} */ length) => {
    const input = h("input", {
      id,
      class: "input num",
      inputMode: "numeric",
      autocomplete: id === "birth-day" ? "bday-day" : "bday-year",
      maxLength: length,
      "aria-describedby": "challenge-error",
    });
    return { input, el: h("div", { class: "field" }, h("label", { for: id }, words), input) };
  };
  const day = number("birth-day", t("challenge.day"), 2);
  const year = number("birth-year", t("challenge.year"), 4);
  const names = new Intl.DateTimeFormat(language, { month: "long", timeZone: "UTC" });
  const month = h(
    "select",
    { id: "birth-month", class: "select", autocomplete: "bday-month", "aria-describedby": "challenge-error" },
    h("option", { value: "" }, "–"),
    Array.from({ length: 12 }, (_, n) => h("option", { value: n + 1 }, names.format(Date.UTC(2000, n, 15)))),
  );
  const months = h(
    "div",
    { class: "field" },
    h("label", { for: "birth-month" }, t("challenge.month")),
    h("div", { class: "select-box" }, month, icon("chevron-down")),
  );
  // In the order in which the country writes it.
  const order = new Intl.DateTimeFormat(language)
    .formatToParts(0)
    .map(
      ({ type }) =>
        /** @type {Record<string, HTMLElement>} */ ({ day: day.el, month: months, year: year.el })[type],
    )
    .filter((el) => el !== undefined);
  const fields = h(
    "div",
    { class: "col" },
    h("div", { class: "field" }, h("label", { for: "challenge-name" }, t("challenge.name")), name),
    h(
      "fieldset",
      { class: "birth" },
      h("legend", null, t("challenge.birth")),
      h("div", { class: "birth-fields" }, order),
    ),
  );
  return { fields, answer: () => birthAnswer(name.value, year.input.value, month.value, day.input.value) };
}

/** @param {string} name @param {string} year @param {string} month @param {string} day */
function birthAnswer(name, year, month, day) {
  const [y, m, d] = [year, month, day].map(Number);
  if (!name.trim() || !y || !m || !d || y < 1900 || d > 31) return null;
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return { name: name.trim(), birth_date: `${y}-${two(m)}-${two(d)}` };
}
