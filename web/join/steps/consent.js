/** The forms of consent, one a screen: text, typed name, agree. */

/** @import {Host} from "../steps.js" */
/** @import {ConsentForm, ConsentView} from "../../shared/visit-api.js" */

export default { id: "consent", order: 20, mount };

/** @param {Host} host */
function mount(host) {
  let at = 0;
  const open = () => {
    const forms = /** @type {ConsentView | null} */ (host.view)?.forms ?? [];
    return forms.filter(({ signed_at }) => signed_at === null);
  };
  const total = open().length;
  /** What was declined stays unsigned, and is not asked again here. @type {Set<string>} */
  const declined = new Set();
  const next = () => {
    const form = open().find(({ id }) => !declined.has(id));
    if (!form) return host.done();
    const answered = (/** @type {boolean} */ agreed) => {
      if (agreed) form.signed_at = Date.now();
      else declined.add(form.id);
      at += 1;
      next();
    };
    draw(host, form, { at, of: total, answered });
  };
  next();
  // The same form in another language.
  return { close: host.on("view", next) };
}

/** @param {Host} host @param {ConsentForm} form @param {{at: number, of: number, answered: (agreed: boolean) => void}} place */
function draw(host, form, { at, of, answered }) {
  const { t, ui } = host;
  const { h, icon, button } = ui;
  const error = h("p", { class: "field-error", id: "name-error", role: "alert", hidden: true });
  const input = h("input", {
    id: "full-name",
    class: "input signature",
    autocomplete: "name",
    autocapitalize: "words",
    spellcheck: false,
    maxLength: 120,
    "aria-describedby": "name-hint name-error",
  });
  const say = (/** @type {string} */ words) => {
    ui.setText(error, words);
    error.hidden = false;
  };
  const sign = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const name = input.value.trim().replace(/\s+/g, " ");
    const whole = name.split(" ").length > 1;
    input.setAttribute("aria-invalid", String(!whole));
    error.hidden = whole;
    if (!whole) {
      say(t("consent.name.missing"));
      return input.focus();
    }
    agree.disabled = true;
    try {
      await host.api("sign", { form: form.id, version: form.version, language: form.language, name });
      answered(true);
    } catch {
      agree.disabled = false;
      say(t("step.failed"));
    }
  };
  const agree = button({ label: t("consent.agree"), class: "primary big", onclick: () => {} });
  agree.type = "submit";
  const refused = h(
    "p",
    { class: "note warn", role: "alert", hidden: true },
    icon("info"),
    t("consent.required.no"),
  );
  const skip = button({
    label: t("consent.skip"),
    class: "quiet big",
    onclick: () => {
      if (!form.required) return answered(false);
      refused.hidden = false;
    },
  });
  host.el.replaceChildren(
    h(
      "div",
      { class: "row wrap step-top" },
      h(
        "span",
        { class: `chip ${form.required ? "info" : ""}` },
        t(form.required ? "consent.required" : "consent.optional"),
      ),
      of > 1
        ? h("span", { class: "muted small num" }, t("consent.step", { count: at + 1, total: of }))
        : null,
    ),
    h("h1", { tabIndex: -1, lang: form.language }, form.title),
    h(
      "div",
      {
        class: "card form-text",
        tabIndex: 0,
        role: "region",
        "aria-label": t("consent.text"),
        lang: form.language,
      },
      form.text.split(/\n{2,}/).map((paragraph) => h("p", null, paragraph)),
    ),
    h(
      "form",
      { class: "col", noValidate: true, on: { submit: sign } },
      h(
        "div",
        { class: "field" },
        h("label", { for: "full-name" }, t("consent.name")),
        input,
        h("p", { class: "small muted", id: "name-hint" }, t("consent.name.hint")),
        error,
      ),
      refused,
      h("div", { class: "col actions" }, agree, skip),
    ),
  );
  /** @type {HTMLElement | null} */ (host.el.querySelector("h1"))?.focus();
}
