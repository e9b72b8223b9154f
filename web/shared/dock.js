/** The controls of a call. Pages choose which there are; words stand beside icons for patients, keys in the tooltips for clinicians. */

import { h, icon, setAttr, setText } from "./dom.js";
import { t } from "./messages.js";

/** @import {CallSession} from "./call-session.js" */

/**
 * @typedef {object} ControlView
 * @property {string} icon
 * @property {string} label  the short word under the icon
 * @property {string} full  what it does, for tooltips and screen readers
 * @property {boolean} [pressed]
 * @property {boolean} [off]  a device that is off: drawn so that it is noticed
 * @property {number} [count]
 * @property {boolean} [hidden]
 * @property {boolean} [expanded]  what it opens is open
 */

/**
 * @typedef {object} Control
 * @property {string} id
 * @property {string} [key]  a shortcut
 * @property {boolean} [danger]
 * @property {(call: CallSession) => ControlView} view
 * @property {(call: CallSession, element: HTMLElement) => void} run
 */

/** @type {Record<"microphone" | "camera" | "screen" | "hand" | "layout", Control>} */
export const CONTROLS = {
  microphone: {
    id: "microphone",
    key: "m",
    view: ({ media: { microphone } }) => {
      const off = microphone.muted || !microphone.track;
      const words = t(off ? "control.unmute" : "control.mute");
      return { icon: off ? "mic-off" : "mic", label: words, full: words, off };
    },
    run: (call) => void call.toggleMicrophone(),
  },
  camera: {
    id: "camera",
    key: "v",
    view: ({ media: { camera } }) => {
      const off = camera.muted || !camera.track;
      const full = t(off ? "control.camera.turnOn" : "control.camera.turnOff");
      return { icon: off ? "video-off" : "video", label: t("control.cameraOff"), full, off };
    },
    run: (call) => void call.toggleCamera(),
  },
  screen: {
    id: "screen",
    key: "s",
    view: ({ media: { screen }, canShare }) => {
      const on = screen.track !== null;
      const full = t(on ? "control.screen.stop" : "control.screen.start");
      return {
        icon: on ? "monitor-x" : "monitor-up",
        label: t("control.screen"),
        full,
        pressed: on,
        hidden: !canShare,
      };
    },
    run: (call) => void call.toggleScreen(),
  },
  hand: {
    id: "hand",
    key: "h",
    view: ({ room }) => {
      const full = t(room.handRaised ? "control.hand.lower" : "control.hand.raise");
      return { icon: "hand", label: t("control.hand"), full, pressed: room.handRaised };
    },
    run: (call) => void call.toggleHand(),
  },
  layout: {
    id: "layout",
    key: "g",
    view: ({ layout, room }) => {
      const grid = layout === "grid";
      const full = t(grid ? "control.speaker" : "control.grid");
      return {
        icon: grid ? "square-user-round" : "layout-grid",
        label: full,
        full,
        hidden: room.participants.length < 2,
      };
    },
    run: (call) => call.toggleLayout(),
  },
};

/** @param {string} panel @param {string} iconName @returns {Control} */
export function messagesControl(panel = "messages", iconName = "message-circle") {
  return {
    id: "messages",
    key: "c",
    view: (call) => ({
      icon: iconName,
      label: t("control.messages"),
      full:
        call.unread > 0 ? t("control.messages.unread", { count: call.unread }) : t("control.messages.open"),
      count: call.unread,
      expanded: call.panel === panel,
    }),
    run: (call) => call.showPanel(call.panel === panel ? null : panel),
  };
}

/** @param {(element: HTMLElement) => void} leave @returns {Control} */
export function leaveControl(leave) {
  return {
    id: "leave",
    danger: true,
    view: () => ({ icon: "phone-off", label: t("control.leave"), full: t("control.leave.full") }),
    run: (_call, element) => leave(element),
  };
}

export class Dock {
  #call;
  #controls;
  #words;

  /** @param {CallSession} call @param {Control[]} controls @param {{words: boolean}} options */
  constructor(call, controls, { words }) {
    this.#call = call;
    this.#words = words;
    this.#controls = controls.map((control) => this.#make(control));
    this.el = h(
      "div",
      {
        class: `dock ${words ? "dock-words" : "dock-plain"}`,
        role: "toolbar",
        "aria-label": t("control.controls"),
      },
      this.#controls.map(({ element }) => element),
    );
  }

  /** @param {Control} control */
  #make(control) {
    const face = h("span", { class: "control-face" });
    const label = h("span", { class: "control-label" });
    const count = h("span", { class: "control-count num", hidden: true });
    const element = h(
      "button",
      {
        type: "button",
        class: `control ${control.danger ? "control-danger" : ""}`,
        data: { control: control.id },
        on: { click: () => control.run(this.#call, element) },
      },
      face,
      this.#words ? label : null,
      count,
    );
    return { control, element, face, label, count, icon: "" };
  }

  update() {
    for (const entry of this.#controls) {
      const { control, element, face, label, count } = entry;
      const view = control.view(this.#call);
      if (entry.icon !== view.icon) {
        entry.icon = view.icon;
        face.replaceChildren(icon(view.icon));
      }
      element.hidden = view.hidden ?? false;
      setText(label, view.label);
      const words =
        control.key && !this.#words
          ? t("key.hint", { label: view.full, key: control.key.toUpperCase() })
          : view.full;
      setAttr(element, "title", words);
      setAttr(element, "aria-label", view.full);
      setAttr(element, "aria-keyshortcuts", control.key && !this.#words ? control.key : null);
      setAttr(element, "aria-pressed", view.pressed === undefined ? null : String(view.pressed));
      setAttr(element, "aria-expanded", view.expanded === undefined ? null : String(view.expanded));
      setAttr(element, "data-off", view.off ?? false);
      count.hidden = !view.count;
      setText(count, view.count && view.count > 9 ? "9+" : String(view.count ?? ""));
    }
  }
}

/**
 * A small menu beside the button that opened it.
 * @param {HTMLElement} opener
 * @param {{icon: string, label: string, run: () => void}[]} items
 */
export function openMenu(opener, items) {
  const close = () => {
    menu.remove();
    opener.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
  };
  const outside = (/** @type {Event} */ event) => {
    if (event.target instanceof Node && !menu.contains(event.target) && !opener.contains(event.target))
      close();
  };
  const menu = h(
    "div",
    {
      class: "menu",
      role: "menu",
      on: {
        keydown: (/** @type {KeyboardEvent} */ event) => {
          const all = /** @type {HTMLElement[]} */ ([...menu.children]);
          const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
          const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
          if (step) all[(at + step + all.length) % all.length]?.focus();
          else if (event.key === "Escape" || event.key === "Tab") {
            close();
            opener.focus();
          } else return;
          event.preventDefault();
          event.stopPropagation();
        },
      },
    },
    items.map(({ icon: name, label, run }) =>
      h(
        "button",
        {
          type: "button",
          role: "menuitem",
          class: "menu-item",
          on: {
            click: () => {
              close();
              run();
            },
          },
        },
        icon(name),
        h("span", null, label),
      ),
    ),
  );
  document.addEventListener("pointerdown", outside, true);
  opener.setAttribute("aria-expanded", "true");
  opener.after(menu);
  // In a list that scrolls, the menu of a low row opens beyond its edge.
  menu.scrollIntoView({ block: "nearest" });
  /** @type {HTMLElement | null} */ (menu.firstElementChild)?.focus();
}
