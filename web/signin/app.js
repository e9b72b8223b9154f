/** Signing in: name and password, then the code of an authenticator; or a passkey; or the clinic's own sign-in. */

import { frame } from "../join/frame.js";
import { button, h, icon, setText } from "../shared/dom.js";
import { count, t } from "../shared/messages.js";
import { Refused, request } from "../shared/visit.js";
import { canUsePasskey, usePasskey } from "./passkey.js";

/** @import {SignIn} from "../shared/visit-api.js" */

const API = "/api/v1/session";

export class SignInApp {
  #root;
  #next;
  #oidc;
  #expired;
  clinic;
  /** @type {SignIn | null} */
  #due = null;
  /** @type {{secret: string, uri: string} | null} */
  #setup = null;
  #name = "";

  /** @param {HTMLElement} root @param {{clinic: string, oidc: string, next: string, expired: boolean}} options */
  constructor(root, { clinic, oidc, next, expired }) {
    this.#root = root;
    this.clinic = clinic;
    this.#oidc = oidc;
    this.#next = next;
    this.#expired = expired;
  }

  redraw() {
    document.title = `${t("signin.title")} · ${this.clinic}`;
    const content = this.#due ? this.#second() : this.#first();
    this.#root.replaceChildren(frame(this, {}, content));
    const first = this.#root.querySelector("input");
    if (first instanceof HTMLElement) first.focus();
  }

  #first() {
    const { error, say } = problem();
    const name = h("input", {
      id: "name",
      class: "input",
      name: "username",
      autocomplete: "username webauthn",
      autocapitalize: "none",
      spellcheck: false,
      maxLength: 120,
      value: this.#name,
      "aria-describedby": "signin-error",
    });
    const { field, input: password } = passwordField();
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#name = name.value.trim();
      if (!this.#name || !password.value) {
        say(t("signin.missing"));
        return (this.#name ? password : name).focus();
      }
      await busy(go, async () => {
        try {
          this.#went(await request(API, { name: this.#name, password: password.value }));
        } catch (refused) {
          say(words(refused));
          password.select();
          password.focus();
        }
      });
    };
    const go = submitButton(t("signin.go"));
    if (this.#expired) say(t("signin.expired"));
    // Back from the clinic's own sign-in without having been let in.
    else if (new URLSearchParams(location.search).has("error")) say(t("signin.trouble"));
    return h(
      "div",
      { class: "signin" },
      h("h1", { tabIndex: -1 }, t("signin.title")),
      h("p", { class: "muted" }, t("signin.text", { clinic: this.clinic })),
      h(
        "form",
        { class: "col", noValidate: true, on: { submit } },
        h("div", { class: "field" }, h("label", { for: "name" }, t("signin.name")), name),
        field,
        error,
        go,
      ),
      this.#others(say),
    );
  }

  /** @param {(words: string) => void} say */
  #others(say) {
    const buttons = [];
    if (canUsePasskey()) {
      const passkey = button({
        icon: "fingerprint-pattern",
        label: t("signin.passkey"),
        class: "big",
        onclick: () => void busy(passkey, () => this.#passkey(say)),
      });
      buttons.push(passkey);
    }
    if (this.#oidc) {
      const href = `/auth/oidc/start?return_to=${encodeURIComponent(this.#next)}`;
      buttons.push(
        h("a", { class: "btn big", href }, icon("log-in"), t("signin.oidc", { provider: this.#oidc })),
      );
    }
    if (buttons.length === 0) return null;
    return h("div", { class: "col" }, h("p", { class: "or muted small" }, t("signin.or")), buttons);
  }

  /** @param {(words: string) => void} say */
  async #passkey(say) {
    try {
      const options = await request(`${API}/passkey/options`, {});
      const credential = await usePasskey(options.publicKey ?? options);
      this.#went(
        await request(`${API}/passkey/verify`, {
          ...(options.challenge_id ? { challenge: options.challenge_id } : {}),
          credential,
        }),
      );
    } catch (refused) {
      say(refused instanceof Refused && refused.status === 429 ? words(refused) : t("signin.passkey.failed"));
    }
  }

  #second() {
    const { error, say } = problem();
    const code = h("input", {
      id: "code",
      class: "input code num",
      name: "code",
      inputMode: "numeric",
      autocomplete: "one-time-code",
      maxLength: 7,
      "aria-describedby": "signin-error",
    });
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      const digits = code.value.replace(/\D/g, "");
      if (digits.length !== 6) {
        say(t("signin.second.missing"));
        return code.focus();
      }
      await busy(go, async () => {
        try {
          const { challenge } = this.#due ?? {};
          this.#went(await request(`${API}/totp`, { code: digits, ...(challenge ? { challenge } : {}) }));
        } catch (refused) {
          const wrong = refused instanceof Refused && refused.status === 401;
          say(wrong ? t("signin.second.wrong") : words(refused));
          code.select();
          code.focus();
        }
      });
    };
    const go = submitButton(t("signin.go"));
    const setup = this.#setup;
    return h(
      "div",
      { class: "signin" },
      h("h1", { tabIndex: -1 }, t(setup ? "signin.setup.title" : "signin.second.title")),
      h(
        "p",
        { class: "muted" },
        t(setup ? "signin.setup.text" : "signin.second.text", { clinic: this.clinic }),
      ),
      setup
        ? h(
            "div",
            { class: "card padded col" },
            h("b", null, t("signin.setup.key")),
            h("code", { class: "key" }, setup.secret.replace(/(.{4})(?=.)/g, "$1 ")),
            h("a", { class: "btn", href: setup.uri }, icon("smartphone"), t("signin.setup.open")),
          )
        : null,
      h(
        "form",
        { class: "col", noValidate: true, on: { submit } },
        h("div", { class: "field" }, h("label", { for: "code" }, t("signin.second.code")), code),
        error,
        go,
      ),
      button({
        label: t("signin.back"),
        class: "quiet",
        onclick: () => {
          this.#due = this.#setup = null;
          this.redraw();
        },
      }),
    );
  }

  /** @param {SignIn} answer */
  async #went(answer) {
    if (answer.state === "signed_in") return location.replace(this.#next);
    this.#due = answer;
    const { challenge, methods = [] } = answer;
    if (methods.includes("set_up_totp") && !methods.includes("totp")) {
      this.#setup = await request(`${API}/totp/setup`, challenge ? { challenge } : {});
    }
    this.redraw();
  }
}

/** A line for what is wrong, read out when it changes. */
function problem() {
  const text = h("span");
  const error = h(
    "p",
    { class: "note bad", id: "signin-error", role: "alert", hidden: true },
    icon("circle-alert"),
    text,
  );
  const say = (/** @type {string} */ words) => {
    setText(text, words);
    error.hidden = false;
  };
  return { error, say };
}

function passwordField() {
  const input = h("input", {
    id: "password",
    class: "input",
    type: "password",
    name: "password",
    autocomplete: "current-password",
    maxLength: 1024,
    "aria-describedby": "signin-error",
  });
  const show = button({
    label: t("signin.show"),
    class: "quiet show",
    onclick: () => {
      const hidden = input.type === "password";
      input.type = hidden ? "text" : "password";
      setText(show, t(hidden ? "signin.hide" : "signin.show"));
      show.setAttribute("aria-pressed", String(hidden));
    },
  });
  show.setAttribute("aria-pressed", "false");
  const field = h(
    "div",
    { class: "field" },
    h("label", { for: "password" }, t("signin.password")),
    h("div", { class: "with-button" }, input, show),
  );
  return { field, input };
}

/** @param {string} label */
function submitButton(label) {
  const go = button({ label, class: "primary big", onclick: () => {} });
  go.type = "submit";
  return go;
}

/** @param {HTMLButtonElement} element @param {() => Promise<void>} work */
async function busy(element, work) {
  if (element.disabled) return;
  element.disabled = true;
  try {
    await work();
  } finally {
    element.disabled = false;
  }
}

/** What a refusal means, never which half of it was wrong. @param {unknown} refused */
function words(refused) {
  if (!(refused instanceof Refused)) return t("signin.trouble");
  if (refused.status === 401 || refused.status === 422) return t("signin.wrong");
  if (refused.status === 429 || refused.status === 423) {
    return count("signin.locked", Math.max(1, Math.ceil(refused.retryAfter / 60)));
  }
  return t("signin.trouble");
}
