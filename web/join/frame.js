/** The frame around everything a patient sees before and after a call: clinic, steps, one column. */

import { button, h, icon } from "../shared/dom.js";
import { languageSwitch } from "../shared/language-switch.js";
import { t } from "../shared/messages.js";
import { isDark, themeWords, toggleTheme } from "../shared/page.js";

/** Permission, check, call: the way when no plugin asks anything. */
const STEPS = 3;

/**
 * @param {{clinic: string, redraw: () => void}} app
 * @param {{step?: number, of?: number, wide?: boolean, busy?: boolean, foot?: Element | null}} options  `step` from 1; 0 shows no steps
 * @param {...(Element | null)} content
 */
export function frame(app, { step = 0, of = STEPS, wide = false, busy = false, foot = null }, ...content) {
  const theme = button({
    icon: isDark() ? "sun" : "moon",
    label: themeWords(),
    class: "quiet",
    iconOnly: true,
    onclick: () => {
      toggleTheme();
      theme.replaceChildren(icon(isDark() ? "sun" : "moon"));
      theme.title = themeWords();
      theme.ariaLabel = themeWords();
    },
  });
  return h(
    "main",
    { class: `page ${wide ? "page-wide" : ""}`, "aria-busy": busy ? "true" : null },
    h(
      "header",
      { class: "page-head" },
      h("span", { class: "logo", "aria-hidden": "true" }, [...app.clinic][0]?.toLocaleUpperCase() ?? ""),
      h("b", { class: "grow clip", title: app.clinic }, app.clinic),
      languageSwitch(() => app.redraw()),
      theme,
    ),
    step > 0
      ? h(
          "div",
          { class: "steps", role: "img", "aria-label": t("step.of", { step, count: of }) },
          Array.from({ length: of }, (_, n) => h("i", { class: n < step ? "done" : "" })),
        )
      : null,
    ...content,
    foot,
  );
}

export const privacyFoot = () =>
  h("p", { class: "page-foot muted small" }, icon("lock"), h("span", null, t("app.privacy")));
