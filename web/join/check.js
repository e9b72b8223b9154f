/** Before the call: the question for permission, then the picture, the level and the way in. */

import { DeviceFields } from "../shared/devices.js";
import { button, h, icon, setText } from "../shared/dom.js";
import { deviceHelp } from "../shared/help.js";
import { t } from "../shared/messages.js";
import { Preview } from "../shared/preview.js";
import { frame, privacyFoot } from "./frame.js";

/** @import {JoinApp} from "./app.js" */

/** @param {JoinApp} app */
export function loadingView(app) {
  const el = frame(
    app,
    { busy: true },
    h("h1", { class: "sr-only", tabIndex: -1 }, t("join.loading")),
    h("div", { class: "skeleton skeleton-title" }),
    h("div", { class: "skeleton skeleton-picture" }),
    h("div", { class: "skeleton skeleton-button" }),
  );
  return { el, close: () => {} };
}

/** @param {JoinApp} app */
export function askView(app) {
  const waiting = h(
    "p",
    { class: "note", role: "status", hidden: true },
    icon("info"),
    h("span", null, t("join.ask.waiting")),
  );
  const start = (/** @type {boolean} */ camera) => () => {
    waiting.hidden = false;
    yes.disabled = true;
    only.disabled = true;
    app.check({ camera });
  };
  const yes = button({
    icon: "video",
    label: t("join.ask.button"),
    class: "primary big",
    onclick: start(true),
  });
  const only = button({ label: t("join.ask.soundOnly"), class: "quiet big", onclick: start(false) });
  const el = frame(
    app,
    { step: 1, foot: privacyFoot() },
    h(
      "div",
      { class: "hero" },
      h("span", { class: "hero-icon", "aria-hidden": "true" }, icon("video")),
      h("h1", { tabIndex: -1 }, t("join.ask.title", { name: app.name })),
      h("p", null, t("join.ask.text", { clinic: app.clinic })),
    ),
    h("div", { class: "col actions" }, waiting, yes, only),
  );
  return { el, close: () => {} };
}

/** The picture of oneself, what works, the devices, and the button that joins. */
export class ReadyView {
  #app;
  #preview;
  #checks = h("ul", { class: "checks" });
  #join;
  #help = h("div", { class: "col" });
  #fields;
  #stop;
  #joining = false;
  #helped = "";

  /** @param {JoinApp} app */
  constructor(app) {
    this.#app = app;
    const { media } = app;
    this.#preview = new Preview(media);
    this.#preview.level.onHeard = () => this.update();
    this.#join = button({ label: t("join.button"), class: "primary big", onclick: () => this.#enter() });
    this.#fields = new DeviceFields(media, app.speaker, { level: false });
    this.el = this.#build();
    this.#stop = media.on("change", () => this.update());
    this.update();
  }

  #build() {
    const devices = h(
      "details",
      { class: "card fold" },
      h(
        "summary",
        null,
        icon("settings"),
        h("span", { class: "grow" }, t("join.devices")),
        icon("chevron-down"),
      ),
      this.#fields.el,
    );
    return frame(
      this.#app,
      { step: 2, wide: true, foot: privacyFoot() },
      h(
        "div",
        { class: "ready" },
        h(
          "div",
          { class: "ready-head" },
          h("h1", { tabIndex: -1 }, t("join.ready.title", { name: this.#app.name })),
          h("p", { class: "muted" }, t("join.ready.text")),
        ),
        this.#preview.el,
        h(
          "div",
          { class: "ready-side col" },
          this.#help,
          this.#checks,
          devices,
          h("div", { class: "join-bar" }, this.#join),
        ),
      ),
    );
  }

  update() {
    const { microphone, camera } = this.#app.media;
    const stream = camera.track;
    this.#preview.update();
    this.#updateHelp();
    this.#updateChecks();
    if (this.#joining) return;
    const words = stream ? "join.button" : microphone.track ? "join.button.soundOnly" : "join.button.silent";
    setText(this.#join, t(words));
  }

  #updateHelp() {
    const { microphone, camera } = this.#app.media;
    const help = deviceHelp(microphone, camera, () => this.#app.check());
    const key = help?.textContent ?? "";
    if (key === this.#helped) return;
    this.#helped = key;
    this.#help.replaceChildren(...(help ? [help] : []));
  }

  #updateChecks() {
    const { microphone, camera } = this.#app.media;
    const heard = this.#preview.level.heard > 0;
    /** @type {[string, string, string][]} */
    const rows = [];
    if (camera.track) rows.push(["good", "check", t("join.camera.works")]);
    else if (!camera.error) rows.push(["", "video-off", t("join.camera.off")]);
    if (microphone.muted) rows.push(["", "mic-off", t("join.microphone.off")]);
    else if (microphone.track) {
      rows.push(
        heard ? ["good", "check", t("join.microphone.works")] : ["", "mic", t("join.microphone.say")],
      );
    }
    const { network } = this.#app;
    if (network === "ready") rows.push(["good", "wifi", t("join.network.ready")]);
    else if (network === "trouble") rows.push(["warn", "wifi-off", t("join.network.trouble")]);
    else rows.push(["", "wifi", t("join.network.preparing")]);
    const key = JSON.stringify(rows);
    if (this.#checks.dataset.key === key) return;
    this.#checks.dataset.key = key;
    this.#checks.replaceChildren(
      ...rows.map(([tone, name, text]) => h("li", { class: tone }, icon(name), text)),
    );
  }

  async #enter() {
    if (this.#joining) return;
    this.#joining = true;
    this.#join.setAttribute("aria-disabled", "true");
    setText(this.#join, t("join.entering"));
    await this.#app.enter();
  }

  /** The media path became ready, or failed. */
  network = () => this.update();

  close() {
    this.#stop();
    this.#fields.close();
    this.#preview.close();
  }
}
