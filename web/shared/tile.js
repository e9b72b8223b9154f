/** One picture on the stage: a person's camera, a screen, or their initials while there is no picture. */

import { h, icon, initials, setAttr, setText } from "./dom.js";
import { fit, layerFor } from "./layout.js";
import { t } from "./messages.js";

/**
 * @typedef {object} TileView
 * @property {string} name
 * @property {MediaStream | null} stream  with a picture, else null
 * @property {boolean} muted  the microphone
 * @property {boolean} speaking
 * @property {boolean} hand
 * @property {boolean} reconnecting
 * @property {boolean} mirrored
 * @property {boolean} whole  show all of the picture, as a screen needs
 * @property {boolean} small  never with bars: it is only there to be glanced at
 * @property {boolean} pinned
 */

export class Tile {
  #video;
  #avatar;
  #name;
  #muted;
  #hand;
  #state;
  #observer;
  #filled = false;
  /** @type {((quality: "low" | "medium" | "high") => void) | null} */
  onLayer = null;

  /**
   * @param {string} key
   * @param {(() => void) | null} onPin  null: it can't be kept large
   */
  constructor(key, onPin) {
    this.key = key;
    this.#video = h("video", {
      autoplay: true,
      muted: true,
      playsInline: true,
      disablePictureInPicture: true,
    });
    this.#video.setAttribute("playsinline", "");
    this.#video.tabIndex = -1;
    this.#avatar = h("span", { class: "tile-avatar", "aria-hidden": "true" });
    this.#name = h("span", { class: "clip" });
    this.#muted = h("span", { class: "tile-muted" }, icon("mic-off"));
    this.#hand = h("span", { class: "tile-hand" }, icon("hand"));
    this.#state = h(
      "span",
      { class: "tile-state", hidden: true },
      h("span", null, t("stage.reconnecting.short")),
    );
    this.pin = onPin ? h("button", { type: "button", class: "tile-pin", on: { click: onPin } }) : null;
    this.el = h(
      "div",
      { class: "tile", role: "group", data: { key } },
      this.#video,
      h("span", { class: "tile-person" }, this.#avatar),
      this.#state,
      this.#hand,
      h("span", { class: "tile-label" }, this.#muted, this.#name),
      this.pin,
    );
    this.#observer = new ResizeObserver(() => this.#fit());
    this.#observer.observe(this.el);
    this.#video.addEventListener("resize", () => this.#fit());
    if (key !== "self") {
      this.#video.addEventListener("loadeddata", () => performance.mark("mediaserver:first-frame"), {
        once: true,
      });
    }
    // iOS pauses what it likes; a picture without sound may always be played again.
    this.#video.addEventListener("pause", () => this.#play());
  }

  /** @param {TileView} view */
  update(view) {
    if (this.#video.srcObject !== view.stream) {
      this.#video.srcObject = view.stream;
      if (view.stream) this.#play();
    }
    const { el } = this;
    setAttr(el, "data-picture", view.stream !== null);
    setAttr(el, "data-speaking", view.speaking);
    setAttr(el, "data-mirrored", view.mirrored);
    setAttr(el, "data-pinned", view.pinned);
    setAttr(el, "data-reconnecting", view.reconnecting);
    this.#filled = view.whole || view.small;
    setAttr(el, "data-whole", view.whole);
    setText(this.#avatar, initials(view.name));
    setText(this.#name, view.name);
    this.#muted.hidden = !view.muted;
    this.#hand.hidden = !view.hand;
    this.#state.hidden = !view.reconnecting;
    setAttr(el, "aria-label", describe(view));
    if (this.pin) {
      const words = t(view.pinned ? "stage.unpin" : "stage.pin", { name: view.name });
      if (this.pin.title !== words) {
        this.pin.title = words;
        this.pin.ariaLabel = words;
        this.pin.replaceChildren(icon(view.pinned ? "pin-off" : "pin"));
      }
    }
    this.#fit();
  }

  /** The frame that is shown now, for a test. */
  get video() {
    return this.#video;
  }

  #play() {
    if (this.#video.srcObject) this.#video.play().catch(() => {});
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.el;
    const { videoWidth, videoHeight } = this.#video;
    if (width === 0 || videoWidth === 0) return;
    const size = this.#filled ? { width, height } : fit({ width, height }, videoWidth / videoHeight);
    this.#video.style.width = `${size.width}px`;
    this.#video.style.height = `${size.height}px`;
    this.onLayer?.(layerFor(Math.min(width, height) * devicePixelRatio));
  }

  remove() {
    this.#observer.disconnect();
    this.#video.srcObject = null;
    this.el.remove();
  }
}

/** @param {TileView} view @returns {string} */
function describe({ name, muted, hand, reconnecting, stream }) {
  const words = [name];
  if (reconnecting) words.push(t("stage.reconnecting.short"));
  else if (!stream) words.push(t("stage.cameraOff"));
  if (muted) words.push(t("people.muted"));
  if (hand) words.push(t("people.hand"));
  return words.join(", ");
}
