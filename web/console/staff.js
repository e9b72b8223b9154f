/** The console of those who signed in: today's list, the chosen visit, and the call, without leaving the page. */

import { MediaError } from "../sdk/src/errors.js";
import { CallSession } from "../shared/call-session.js";
import { chime, wakeSound } from "../shared/chime.js";
import { ask, panelDialog } from "../shared/dialog.js";
import { button, h, icon } from "../shared/dom.js";
import { errorLine } from "../shared/error-words.js";
import { t } from "../shared/messages.js";
import { guardUnload, Title, WakeLock } from "../shared/page.js";
import { SpeakerChoice } from "../shared/speaker.js";
import { Refused } from "../shared/visit.js";
import { ConsoleCall } from "./console-call.js";
import { listenToKeys, showShortcuts } from "./keyboard.js";
import { VisitList } from "./list.js";
import { groupOf, patientOf, Today } from "./today.js";
import { VisitView } from "./visit-view.js";

/** @import {RemoteParticipant} from "../sdk/src/participants.js" */
/** @import {RoomActs, SidePlace} from "./console-call.js" */
/** @import {Shortcut} from "./keyboard.js" */
/** @import {StaffServices} from "./today.js" */
/** @import {VisitRow} from "../shared/visit-api.js" */

export class StaffApp {
  #root;
  #services;
  clinic;
  today;
  /** @type {string | null} */
  selected = null;
  /** Visits with an act under way. @type {Set<string>} */
  busy = new Set();
  title = new Title();
  speaker = new SpeakerChoice();
  #wakeLock = new WakeLock();
  /** @type {{id: string, call: CallSession} | null} */
  #running = null;
  /** @type {{el: HTMLElement, update: () => void, close: () => void} | null} */
  #view = null;
  #toasts = h("div", { class: "staff-toasts", role: "status" });

  /** @param {HTMLElement} root @param {{clinic: string, services: StaffServices}} options */
  constructor(root, { clinic, services }) {
    this.#root = root;
    this.clinic = clinic;
    this.#services = services;
    this.today = new Today(services);
    this.today.on("change", () => this.#changed());
    this.today.on("arrived", (row) => this.#arrived(row));
    guardUnload(() => this.#running !== null);
  }

  get name() {
    return this.today.me?.name ?? "";
  }

  /** The chosen visit. @returns {VisitRow | null} */
  get visit() {
    return (this.selected && this.today.rows.get(this.selected)) || null;
  }

  async start() {
    this.redraw();
    try {
      await this.today.start();
    } catch (error) {
      if (error instanceof Refused && error.status === 401) location.replace("/signin?next=/console");
      return;
    }
    this.redraw();
  }

  /** Draws the page anew, in the words of now. */
  redraw() {
    this.#view?.close();
    const running = this.#running;
    this.title.set(`${t(running ? "title.call" : "console.title")} · ${this.clinic}`);
    this.#view = running ? new ConsoleCall(this, running.call) : new DayView(this);
    this.#root.replaceChildren(this.#view.el, this.#toasts);
    // On a phone the list and the visit take turns, each with a title of its own.
    [...this.#view.el.querySelectorAll("h1")].find((title) => title.checkVisibility())?.focus();
  }

  #changed() {
    this.#view?.update();
  }

  /** @param {VisitRow} row */
  #arrived(row) {
    const name = patientOf(row)?.name ?? "";
    chime();
    this.title.call(t("today.arrived", { name }));
    this.#toast(t("today.arrived", { name }), "bell");
  }

  /** @param {string} text @param {string} iconName */
  #toast(text, iconName) {
    if (this.#running) return this.#running.call.toast(text, iconName);
    const toast = h("div", { class: "toast" }, icon(iconName), h("span", { class: "grow" }, text));
    this.#toasts.append(toast);
    setTimeout(() => toast.remove(), 6000);
  }

  /** @param {string | null} id */
  select(id) {
    wakeSound();
    this.selected = id;
    this.#changed();
    if (this.#view instanceof DayView) this.#view.chosen();
  }

  /** Lets the patient in and goes to them. @param {string} id */
  async admit(id) {
    wakeSound();
    const row = this.today.rows.get(id);
    const patient = row && patientOf(row);
    if (!row || !patient || this.busy.has(id)) return;
    const joins = this.today.me?.role === "clinician";
    if (joins && this.#running && this.#running.id !== id && !(await this.#leaves())) return;
    const done = await this.#while(id, async () => {
      await this.#services.act(id, "admit", { person: patient.id });
      this.#toast(t("today.admitted", { name: patient.name }), "door-open");
    });
    if (done && joins && this.#running?.id !== id) await this.enter(id);
  }

  /** Whether the running call may be left for another. */
  async #leaves() {
    const running = this.#running;
    const row = running && this.today.rows.get(running.id);
    const sure = await ask({
      title: t("visit.leave.title"),
      text: t("visit.leave.text", { name: (row && patientOf(row)?.name) ?? "" }),
      yes: t("visit.leave.yes"),
      no: t("ask.leave.no"),
      danger: true,
    });
    if (sure) running?.call.leave();
    return sure;
  }

  /** Into the room of a visit. @param {string} id */
  async enter(id) {
    wakeSound();
    this.selected = id;
    await this.#while(id, async () => {
      const services = await this.#services.open(id);
      await services.session();
      const [room] = await Promise.all([services.prepare(), services.media.start()]);
      const call = new CallSession(room);
      call.panel = "people";
      call.personActs = (person) => this.#personActs(id, person);
      call.on("ended", ({ error }) => this.#ended(call, error));
      try {
        await room.enter();
      } catch (error) {
        call.close();
        room.leave();
        for (const source of services.media.sources) source.stop();
        throw error;
      }
      this.#running = { id, call };
      this.#wakeLock.hold();
      this.redraw();
    });
  }

  /** @param {CallSession} call @param {MediaError | null} error */
  #ended(call, error) {
    if (this.#running?.call !== call) return;
    this.#running = null;
    this.#wakeLock.release();
    for (const source of call.media.sources) source.stop();
    this.redraw();
    if (error && !call.leaving) this.#toast(errorLine(error), "circle-alert");
  }

  /** @param {string} id @param {RemoteParticipant} person */
  #personActs(id, person) {
    if (person.role !== "patient") return [];
    return [
      { icon: "undo-2", label: t("visit.sendBack"), run: () => void this.#sendBack(id, person) },
      { icon: "arrow-left-right", label: t("visit.transfer"), run: () => void this.transfer(id) },
    ];
  }

  /** @param {string} id @param {RemoteParticipant} person */
  async #sendBack(id, { identity, name }) {
    const sure = await ask({
      title: t("visit.sendBack.title", { name }),
      text: t("visit.sendBack.text"),
      yes: t("visit.sendBack.yes"),
      no: t("app.cancel"),
    });
    if (sure) await this.#while(id, () => this.#services.act(id, "send-back", { person: identity }));
  }

  /** @param {string} id */
  async transfer(id) {
    const { colleagues } = this.today;
    const select = h(
      "select",
      { id: "transfer-to", class: "select" },
      colleagues.map(({ id: to, name }) => h("option", { value: to }, name)),
    );
    const go = button({
      label: t("visit.transfer"),
      class: "primary",
      onclick: () => {
        dialog.close();
        const to = colleagues.find((one) => one.id === select.value);
        if (!to) return;
        void this.#while(id, async () => {
          await this.#services.act(id, "transfer", { to: to.id });
          this.#toast(t("visit.transferred", { name: to.name }), "check");
        });
      },
    });
    const content = h(
      "div",
      { class: "col" },
      h("p", { class: "muted" }, t("visit.transfer.text")),
      h(
        "div",
        { class: "field" },
        h("label", { for: "transfer-to" }, t("visit.transfer.to")),
        h("div", { class: "select-box" }, select, icon("chevron-down")),
      ),
      go,
    );
    const dialog = panelDialog(t("visit.transfer.title"), content, t("app.cancel"), "");
  }

  async admitAll() {
    const waiting = [...this.today.rows.values()].filter((row) => groupOf(row) === "waiting");
    const sure = await ask({
      title: t("today.admitAll.title", { count: waiting.length }),
      text: t("today.admitAll.text"),
      yes: t("today.admitAll"),
      no: t("app.cancel"),
    });
    if (sure) await this.#while("", () => this.#services.admitAll());
  }

  /** To the patient who waits. @param {string} id @param {string} text */
  async say(id, text) {
    const row = this.today.rows.get(id);
    const patient = row && patientOf(row);
    if (patient) await this.#services.act(id, "say", { person: patient.id, text });
  }

  async signOut() {
    await this.#services.signOut().catch(() => {});
    location.assign("/signin");
  }

  /** One act at a time for each visit; what fails is said. @param {string} id @param {() => Promise<unknown>} act @returns {Promise<boolean>} */
  async #while(id, act) {
    this.busy.add(id);
    this.#changed();
    try {
      await act();
      return true;
    } catch (error) {
      if (error instanceof Refused && error.status === 401) location.replace("/signin?next=/console&expired");
      else this.#toast(error instanceof MediaError ? errorLine(error) : t("error.rejected"), "circle-alert");
      return false;
    } finally {
      this.busy.delete(id);
      this.#changed();
    }
  }

  /** The left place of the call: the list stays, with what concerns the room below it. @param {CallSession} call @param {RoomActs} acts @returns {SidePlace} */
  makeSide(call, { lock, end }) {
    const locks = button({ icon: "lock", label: t("console.lock"), onclick: lock });
    const ends = button({ icon: "phone-off", label: t("console.end"), class: "quiet bad", onclick: end });
    const list = new VisitList(this, h("div", { class: "who-room" }, locks, ends));
    const update = () => {
      list.update();
      const { room } = call;
      locks.hidden = ends.hidden = !(room.me?.admin ?? false);
      const words = t(room.locked ? "console.unlock" : "console.lock");
      if (locks.lastChild?.textContent !== words) {
        locks.replaceChildren(icon(room.locked ? "lock-open" : "lock"), words);
      }
    };
    return { el: list.el, update, tick: () => list.tick(), close: () => list.close() };
  }
}

/** The three places outside a call. */
class DayView {
  #app;
  #list;
  #visit;
  #stopKeys;
  #timer;

  /** @param {StaffApp} app */
  constructor(app) {
    this.#app = app;
    const out = button({
      icon: "log-out",
      label: t("today.signout"),
      class: "quiet",
      onclick: () => void app.signOut(),
    });
    this.#list = new VisitList(app, h("div", { class: "who-room" }, out));
    this.#visit = new VisitView(app);
    this.el = h("main", { class: "console day" }, this.#list.el, this.#visit.el, this.#visit.panel);
    this.#stopKeys = listenToKeys(this.#shortcuts());
    this.#timer = setInterval(() => this.#visit.update(), 10_000);
    this.update();
  }

  /** @returns {Shortcut[]} */
  #shortcuts() {
    /** @type {Shortcut[]} */
    const shortcuts = [
      { key: "j", words: "key.next", run: () => this.#step(1) },
      { key: "k", words: "key.previous", run: () => this.#step(-1) },
      { key: "a", words: "key.admit", run: () => this.#admit() },
      { key: "/", words: "key.filter", run: () => this.#list.focusFilter() },
      { key: "?", words: "key.help", run: () => showShortcuts(shortcuts) },
    ];
    return shortcuts;
  }

  /** @param {number} by */
  #step(by) {
    const rows = this.#list.shown;
    if (rows.length === 0) return;
    const at = rows.findIndex(({ id }) => id === this.#app.selected);
    const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
    this.#app.select(next?.id ?? null);
    this.el.querySelector('.who-item[aria-pressed="true"]')?.scrollIntoView({ block: "nearest" });
  }

  #admit() {
    const row = this.#app.visit;
    if (row && groupOf(row) === "waiting") void this.#app.admit(row.id);
  }

  update() {
    this.el.dataset.chosen = this.#app.visit ? "visit" : "";
    this.#list.update();
    this.#visit.update();
  }

  /** On a phone the visit takes the place of the list, and must be read out from its name on. */
  chosen() {
    const narrow = matchMedia("(max-width: 699px)").matches;
    if (narrow && this.#app.visit) this.#visit.focus();
  }

  close() {
    clearInterval(this.#timer);
    this.#stopKeys();
    this.#list.close();
    this.#visit.close();
  }
}
