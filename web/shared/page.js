/** What a page does around a call: stays awake, names itself, says when somebody comes. */

import { t } from "./messages.js";

/** Keeps the screen of a phone on while the call lasts. */
export class WakeLock {
  /** @type {WakeLockSentinel | null} */
  #lock = null;
  #wanted = false;
  #listener = () => this.#take();

  hold() {
    if (this.#wanted) return;
    this.#wanted = true;
    // The system takes the lock away with the page; it must be asked for again.
    document.addEventListener("visibilitychange", this.#listener);
    this.#take();
  }

  async #take() {
    if (!this.#wanted || document.visibilityState !== "visible") return;
    this.#lock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
  }

  release() {
    this.#wanted = false;
    document.removeEventListener("visibilitychange", this.#listener);
    this.#lock?.release().catch(() => {});
    this.#lock = null;
  }
}

/** The title of the tab, and what it says for a while when the person looks elsewhere. */
export class Title {
  #base = document.title;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  constructor() {
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#stop();
    });
  }

  /** @param {string} text */
  set(text) {
    this.#base = text;
    if (!this.#timer) document.title = text;
  }

  /** Takes turns with the usual title until the page is looked at. @param {string} text */
  call(text) {
    this.#stop();
    if (document.visibilityState === "visible" && document.hasFocus()) return;
    document.title = text;
    this.#timer = setInterval(() => {
      document.title = document.title === text ? this.#base : text;
    }, 1200);
    addEventListener("focus", () => this.#stop(), { once: true });
  }

  #stop() {
    clearInterval(this.#timer);
    this.#timer = undefined;
    document.title = this.#base;
  }
}

/** Light or dark: the other one from now on, on this device. */
export function toggleTheme() {
  const dark = document.documentElement.dataset.theme !== "dark";
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  try {
    localStorage.setItem("mediaserver.theme", dark ? "dark" : "light");
  } catch {
    // Private windows may refuse; the choice then holds until the page is closed.
  }
}

export const isDark = () => document.documentElement.dataset.theme === "dark";
export const themeWords = () => t(isDark() ? "app.theme.light" : "app.theme.dark");

/** Warns before a reload or a closed tab in the middle of a call. @param {() => boolean} inCall */
export function guardUnload(inCall) {
  addEventListener("beforeunload", (event) => {
    if (inCall()) event.preventDefault();
  });
}
