/** The language switch: the name of the language that is shown, and the others one tap away. */

import { h, icon } from "./dom.js";
import { chooseLanguage, language, languages, t } from "./messages.js";

/**
 * A native select, so that every phone shows its own list and every screen reader knows it.
 * @param {() => void} redraw  draws the page anew, in the words of now
 */
export function languageSwitch(redraw) {
  const select = h(
    "select",
    {
      class: "language-select",
      "aria-label": t("language.choose"),
      on: {
        change: () => {
          chooseLanguage(select.value);
          redraw();
        },
      },
    },
    languages().map(({ tag, name }) =>
      h("option", { value: tag, lang: tag, selected: tag === language() }, name),
    ),
  );
  return h("span", { class: "language" }, icon("globe"), select, icon("chevron-down"));
}

/** The other languages as entries of a menu, for where there is no room for a switch. @param {() => void} redraw */
export function otherLanguages(redraw) {
  return languages()
    .filter(({ tag }) => tag !== language())
    .map(({ tag, name }) => ({
      icon: "globe",
      label: name,
      run: () => {
        chooseLanguage(tag);
        redraw();
      },
    }));
}
