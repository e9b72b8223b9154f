/** Where the person is now: licences go by that. */

import { countries, states } from "./places.js";

/** @import {Host} from "../steps.js" */
/** @import {LocationView} from "../../shared/visit-api.js" */

export default { id: "location", order: 30, mount };

/** @param {Host} host */
function mount(host) {
  const { t, ui, language } = host;
  const { h, icon, button } = ui;
  const known = /** @type {LocationView | null} */ (host.view);
  const option = (/** @type {[string, string]} */ [value, name]) => h("option", { value }, name);
  const country = h(
    "select",
    { id: "country", class: "select", autocomplete: "country", on: { change: () => update() } },
    countries(language).map(option),
  );
  country.value = known?.country ?? "US";
  const error = h("p", { class: "field-error", id: "state-error", role: "alert", hidden: true });
  const state = h(
    "select",
    {
      id: "state",
      class: "select",
      "aria-describedby": "state-error",
      on: { change: () => update() },
    },
    h("option", { value: "" }, t("location.state.choose")),
    states(language).map(option),
  );
  state.value = known?.state ?? "";
  const box = (/** @type {HTMLElement} */ select) =>
    h("div", { class: "select-box" }, select, icon("chevron-down"));
  const stateField = h(
    "div",
    { class: "field" },
    h("label", { for: "state" }, t("location.state")),
    box(state),
  );
  const update = () => {
    stateField.hidden = country.value !== "US";
    error.hidden = true;
    state.removeAttribute("aria-invalid");
  };
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const inside = country.value === "US";
    if (inside && !state.value) {
      state.setAttribute("aria-invalid", "true");
      ui.setText(error, t("location.state.missing"));
      error.hidden = false;
      return state.focus();
    }
    here.disabled = true;
    try {
      await host.api("location", { country: country.value, state: inside ? state.value : null });
      host.done();
    } catch {
      here.disabled = false;
      ui.setText(error, t("step.failed"));
      error.hidden = false;
    }
  };
  const here = button({
    icon: "map-pin",
    label: t("location.save"),
    class: "primary big",
    onclick: () => {},
  });
  here.type = "submit";
  host.el.replaceChildren(
    h("h1", { tabIndex: -1 }, t("location.title")),
    h("p", { class: "muted" }, t("location.text")),
    h(
      "form",
      { class: "col form", noValidate: true, on: { submit: save } },
      h("div", { class: "field" }, h("label", { for: "country" }, t("location.country")), box(country)),
      stateField,
      error,
      h("div", { class: "col actions" }, here),
    ),
  );
  update();
}
