/** Camera, microphone, speaker and network, each tried; then one word about them all. */

/** @import {Host} from "../steps.js" */
/** @import {PreflightResult, PreflightView} from "../../shared/visit-api.js" */

export default { id: "preflight", order: 10, wide: true, mount };

/** @param {Host} host */
function mount(host) {
  const step = new Preflight(host);
  void step.start();
  return step;
}

class Preflight {
  #host;
  /** @type {boolean | null} */
  #speaker = null;
  #played = false;
  /** @type {Awaited<ReturnType<Host["parts"]["measure"]>> | null} */
  #network = null;
  #measuring = false;
  #closed = false;
  /** @type {(() => void)[]} */
  #stops = [];
  /** @type {InstanceType<Host["parts"]["Preview"]> | null} */
  #preview = null;
  /** @type {InstanceType<Host["parts"]["DeviceFields"]> | null} */
  #fields = null;
  #checks;
  #sound;
  #outcome;
  #called;
  #help;
  #go;
  #drawn = "";

  /** @param {Host} host */
  constructor(host) {
    this.#host = host;
    const { h, button } = host.ui;
    this.#checks = h("ul", { class: "checks" });
    this.#sound = h("div", { class: "card sound-test" });
    this.#outcome = h("div", { class: "outcome", role: "status" });
    this.#called = h("div");
    this.#help = h("div", { class: "col" });
    this.#go = button({
      label: host.t("step.continue"),
      class: "primary big",
      onclick: () => void this.#finish(),
    });
  }

  async start() {
    const { media } = this.#host;
    const allowed = await Promise.all(
      ["camera", "microphone"].map((name) =>
        navigator.permissions
          ?.query({ name: /** @type {PermissionName} */ (name) })
          .then(({ state }) => state === "granted")
          .catch(() => false),
      ),
    );
    if (this.#closed) return;
    if (media.microphone.track || media.camera.track) this.#check();
    else if (allowed.every(Boolean)) await this.#open(true);
    else this.#ask();
  }

  #ask() {
    const { ui, t, session, el } = this.#host;
    const { h, icon, button } = ui;
    const waiting = h(
      "p",
      { class: "note", role: "status", hidden: true },
      icon("info"),
      h("span", null, t("join.ask.waiting")),
    );
    const start = (/** @type {boolean} */ camera) => () => {
      waiting.hidden = false;
      yes.disabled = only.disabled = true;
      void this.#open(camera);
    };
    const yes = button({
      icon: "video",
      label: t("join.ask.button"),
      class: "primary big",
      onclick: start(true),
    });
    const only = button({ label: t("join.ask.soundOnly"), class: "quiet big", onclick: start(false) });
    el.replaceChildren(
      h(
        "div",
        { class: "hero" },
        h("span", { class: "hero-icon", "aria-hidden": "true" }, icon("video")),
        h("h1", { tabIndex: -1 }, t("join.ask.title", { name: session.name })),
        h("p", null, t("join.ask.text", { clinic: session.clinic ?? "" })),
      ),
      h("div", { class: "col actions" }, waiting, yes, only),
    );
  }

  /** @param {boolean} camera */
  async #open(camera) {
    const { media } = this.#host;
    media.camera.muted = !camera;
    await media.start({ microphone: true, camera });
    if (!this.#closed) this.#check();
  }

  #check() {
    const { ui, t, parts, media, speaker, el } = this.#host;
    const { h, icon } = ui;
    const preview = new parts.Preview(media);
    this.#preview = preview;
    this.#fields = new parts.DeviceFields(media, speaker, { level: false });
    preview.level.onHeard = () => this.#update();
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
    el.replaceChildren(
      h(
        "div",
        { class: "ready" },
        h(
          "div",
          { class: "ready-head" },
          h("h1", { tabIndex: -1 }, t("preflight.title")),
          h("p", { class: "muted" }, t("preflight.text")),
        ),
        preview.el,
        h(
          "div",
          { class: "ready-side col" },
          this.#help,
          this.#outcome,
          this.#checks,
          this.#sound,
          this.#called,
          devices,
          h("div", { class: "join-bar" }, this.#go),
        ),
      ),
    );
    /** @type {HTMLElement | null} */ (el.querySelector("h1"))?.focus();
    this.#drawSound();
    this.#stops.push(
      media.on("change", () => this.#update()),
      this.#host.on("network", () => this.#update()),
    );
    this.#update();
    void this.#measure();
  }

  async #measure() {
    if (this.#measuring) return;
    this.#measuring = true;
    this.#network = null;
    this.#update();
    this.#network = await this.#host.parts.measure(this.#host.probe, () => performance.now());
    this.#measuring = false;
    if (!this.#closed) this.#update();
  }

  /** One question at a time: play, then "did you hear it?", then the answer with a way to try again. */
  #drawSound() {
    const { ui, t, parts, speaker } = this.#host;
    const { h, icon, button } = ui;
    const answer = (/** @type {boolean} */ heard) => () => {
      this.#speaker = heard;
      this.#drawSound();
      this.#update();
      this.#sound.querySelector("button")?.focus();
    };
    const play = async () => {
      this.#sound.replaceChildren(h("p", { role: "status" }, icon("volume-2"), t("preflight.sound.playing")));
      await parts.testSound(speaker.deviceId);
      this.#played = true;
      this.#speaker = null;
      if (this.#closed) return;
      this.#drawSound();
      this.#update();
      this.#sound.querySelector("button")?.focus();
    };
    const again = button({
      icon: "volume-2",
      label: t("preflight.sound.play"),
      onclick: () => void play(),
    });
    if (this.#played && this.#speaker === null) {
      this.#sound.replaceChildren(
        h("p", { role: "status" }, h("b", null, t("preflight.sound.ask"))),
        h(
          "div",
          { class: "row wrap" },
          button({ label: t("preflight.sound.yes"), class: "primary", onclick: answer(true) }),
          button({ label: t("preflight.sound.no"), onclick: answer(false) }),
        ),
      );
    } else if (this.#speaker === false) {
      this.#sound.replaceChildren(
        h("p", null, h("b", null, t("preflight.sound.silent"))),
        h("p", { class: "muted" }, t("preflight.sound.silent.advice")),
        again,
      );
    } else {
      this.#sound.replaceChildren(
        h("p", null, t(this.#speaker ? "preflight.sound.works" : "preflight.sound.todo")),
        again,
      );
    }
    this.#sound.dataset.answer = String(this.#speaker);
  }

  /** @returns {PreflightResult} */
  get #result() {
    const { media, network, parts } = this.#host;
    const found = {
      camera: media.camera.track !== null,
      microphone: media.microphone.track !== null,
      speaker: this.#speaker,
      media: network !== "trouble",
      ...(this.#network ?? { rtt_ms: null, jitter_ms: null, down_bps: null, up_bps: null }),
    };
    return { ...found, verdict: parts.verdict(found) };
  }

  get #ready() {
    return !this.#measuring && this.#host.network !== "preparing";
  }

  #update() {
    if (!this.#preview) return;
    this.#preview.update();
    const { media, parts, ui } = this.#host;
    const help = parts.deviceHelp(media.microphone, media.camera, () => void this.#open(true));
    const drawn = JSON.stringify([
      help?.textContent,
      this.#result,
      this.#ready,
      media.microphone.muted,
      this.#preview.level.heard > 0,
    ]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#help.replaceChildren(...(help ? [help] : []));
    this.#checks.replaceChildren(
      ...this.#rows().map(([tone, name, text, title]) =>
        ui.h("li", { class: tone, title }, ui.icon(name), text),
      ),
    );
    this.#drawOutcome();
  }

  /** @returns {[string, string, string, string?][]} tone, icon, words, figures */
  #rows() {
    const { t, media } = this.#host;
    const { camera, microphone } = media;
    const heard = (this.#preview?.level.heard ?? 0) > 0;
    /** @type {[string, string, string, string?][]} */
    const rows = [];
    if (camera.track) rows.push(["good", "check", t("join.camera.works")]);
    else rows.push([camera.error ? "warn" : "", "video-off", t("join.camera.off")]);
    if (!microphone.track) rows.push(["bad", "mic-off", t("device.none.microphone")]);
    else if (microphone.muted) rows.push(["", "mic-off", t("join.microphone.off")]);
    else if (heard) rows.push(["good", "check", t("join.microphone.works")]);
    else rows.push(["", "mic", t("join.microphone.say")]);
    rows.push(this.#networkRow());
    return rows;
  }

  /** @returns {[string, string, string, string?]} */
  #networkRow() {
    const { t, parts } = this.#host;
    if (!this.#ready) return ["", "wifi", t("join.network.preparing")];
    if (!this.#result.media) return ["bad", "wifi-off", t("preflight.network.blocked")];
    const alone = { ...this.#result, camera: true, microphone: true, speaker: true };
    const light = parts.verdict(alone);
    const { down_bps: down, up_bps: up, rtt_ms: rtt } = this.#result;
    const mega = (/** @type {number | null} */ bps) => (bps === null ? "–" : (bps / 1e6).toFixed(1));
    const figures = t("preflight.network.why", { down: mega(down), up: mega(up), rtt: rtt ?? "–" });
    if (light === "green") return ["good", "wifi", t("preflight.network.good"), figures];
    if (light === "amber") return ["warn", "wifi", t("preflight.network.fair"), figures];
    return ["bad", "wifi-off", t("preflight.network.bad"), figures];
  }

  #drawOutcome() {
    const { t, ui } = this.#host;
    const result = this.#result;
    this.#outcome.dataset.verdict = this.#ready ? result.verdict : "";
    if (!this.#ready) {
      this.#outcome.replaceChildren();
      this.#go.hidden = false;
      return;
    }
    const { h, icon, button } = ui;
    const { verdict } = result;
    const look = { green: ["", "check"], amber: ["warn", "triangle-alert"], red: ["bad", "circle-alert"] };
    const [tone = "", name = ""] = look[verdict];
    const reasons = this.#reasons(result);
    const focused = this.#outcome.contains(document.activeElement);
    this.#outcome.replaceChildren(
      h(
        "div",
        { class: `note ${tone || "good"}` },
        icon(name),
        h(
          "div",
          { class: "grow col note-body" },
          h(
            "div",
            null,
            h("b", null, t(`preflight.${verdict}`)),
            ...reasons.map((text) => h("p", null, text)),
          ),
          verdict === "green"
            ? null
            : button({
                icon: "refresh-cw",
                label: t("preflight.again"),
                onclick: () => void this.#again(),
              }),
        ),
      ),
    );
    // Kept while it stands: somebody may be writing in it.
    if (verdict !== "red") this.#called.replaceChildren();
    else if (!this.#called.firstChild) this.#called.append(this.#phone());
    if (focused) this.#outcome.querySelector("button")?.focus();
    ui.setText(this.#go, t(verdict === "red" ? "preflight.anyway" : "step.continue"));
    this.#go.classList.toggle("primary", verdict !== "red");
  }

  async #again() {
    const { media } = this.#host;
    if (!media.microphone.track || !media.camera.track) await media.start({ microphone: true, camera: true });
    await this.#measure();
  }

  /** @param {PreflightResult} result @returns {string[]} */
  #reasons(result) {
    const { t, parts } = this.#host;
    const network = parts.verdict({ ...result, camera: true, microphone: true, speaker: true });
    if (result.verdict === "amber") {
      return [
        network === "amber" ? t("preflight.amber.network") : "",
        result.camera ? "" : t("preflight.amber.camera"),
      ].filter(Boolean);
    }
    if (result.verdict === "green") return [];
    return [
      result.microphone ? "" : t("preflight.red.microphone"),
      result.speaker === false ? t("preflight.red.speaker") : "",
      network === "red" ? t("preflight.red.network") : "",
    ].filter(Boolean);
  }

  /** When video won't work there is still the telephone. */
  #phone() {
    const { t, ui, session } = this.#host;
    const { h, icon, button } = ui;
    const view = /** @type {PreflightView | null} */ (this.#host.view);
    const wrong = h(
      "p",
      { class: "field-error", id: "phone-error", role: "alert", hidden: true },
      t("preflight.phone.wrong"),
    );
    const input = h("input", {
      id: "phone",
      class: "input",
      type: "tel",
      autocomplete: "tel",
      inputMode: "tel",
      value: view?.phone ?? "",
      "aria-describedby": "phone-hint phone-error",
    });
    const saved = h("p", { class: "muted", role: "status" });
    const save = async (/** @type {Event} */ event) => {
      event.preventDefault();
      const phone = input.value.trim();
      const right = phone.replace(/\D/g, "").length >= 7;
      wrong.hidden = right;
      input.setAttribute("aria-invalid", String(!right));
      if (!right) return input.focus();
      try {
        await this.#host.api("phone", { phone });
        this.#host.view = { ...view, phone };
        ui.setText(saved, t("preflight.phone.saved", { phone }));
      } catch {
        ui.setText(saved, t("step.failed"));
      }
    };
    const submit = button({ label: t("preflight.phone.save"), onclick: () => {} });
    submit.type = "submit";
    return h(
      "section",
      { class: "card padded col", "aria-labelledby": "phone-title" },
      h("h2", { id: "phone-title" }, t("preflight.phone.title")),
      session.phone
        ? h(
            "a",
            { class: "btn", href: `tel:${session.phone.replace(/[^+\d]/g, "")}` },
            icon("phone"),
            t("preflight.phone.call", { phone: session.phone }),
          )
        : null,
      h(
        "form",
        { class: "field", noValidate: true, on: { submit: save } },
        h("label", { for: "phone" }, t("preflight.phone.label")),
        h("p", { class: "small muted", id: "phone-hint" }, t("preflight.phone.hint")),
        h("div", { class: "row wrap" }, h("div", { class: "grow" }, input), submit),
        wrong,
        saved,
      ),
    );
  }

  async #finish() {
    if (this.#go.getAttribute("aria-disabled") === "true") return;
    this.#go.setAttribute("aria-disabled", "true");
    // The result is for the clinic; a person goes on even where it can't be stored.
    await this.#host.api("result", this.#result).catch(() => {});
    if (!this.#closed) this.#host.done();
  }

  close() {
    this.#closed = true;
    for (const stop of this.#stops) stop();
    this.#preview?.close();
    this.#fields?.close();
  }
}
