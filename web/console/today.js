/** Today's visits as the server tells them, kept up to date by its events; and how they stand in the list. */

import { Emitter } from "../sdk/src/emitter.js";
import { request, services } from "../shared/visit.js";

/** @import {Services} from "../shared/visit.js" */
/** @import {Account, DegradedPlugin, Today as TodayBody, VisitPersonRow, VisitRow} from "../shared/visit-api.js" */

/**
 * Where the console of those who signed in gets everything from.
 * @typedef {object} StaffServices
 * @property {() => Promise<TodayBody>} today
 * @property {(listener: StaffListener) => () => void} events
 * @property {(visit: string, path: string, body?: unknown) => Promise<any>} act  of the waiting room, on one visit
 * @property {() => Promise<any>} admitAll
 * @property {(visit: string) => Promise<Services>} open  the room of a visit
 * @property {() => Promise<void>} signOut
 */

/**
 * @typedef {object} StaffListener
 * @property {(row: VisitRow) => void} visit
 * @property {(id: string) => void} gone
 * @property {(plugins: DegradedPlugin[]) => void} degraded
 * @property {(online: boolean) => void} online
 */

/** @returns {StaffServices} */
export function staffServices() {
  const visits = "/api/v1/visits";
  return {
    today: () => request(`${visits}?day=today`),
    events: (listener) => {
      const source = new EventSource(`${visits}/events`);
      const on = (/** @type {string} */ type, /** @type {(data: any) => void} */ run) =>
        source.addEventListener(type, (event) => run(JSON.parse(event.data)));
      on("visit", listener.visit);
      on("gone", ({ id }) => listener.gone(id));
      on("degraded", ({ plugins }) => listener.degraded(plugins));
      source.addEventListener("open", () => listener.online(true));
      source.addEventListener("error", () => listener.online(false));
      return () => source.close();
    },
    act: (visit, path, body = {}) => request(`${visits}/${visit}/waiting_room/${path}`, body),
    admitAll: () => request("/api/v1/plugins/waiting_room/admit-all", {}),
    open: async (visit) => {
      const { code } = await request(`${visits}/${visit}/enter`, {});
      return services(code);
    },
    signOut: () => request("/api/v1/session", {}, "DELETE"),
  };
}

/** @typedef {"call" | "waiting" | "later" | "done"} Group */

/** The one it is for. @param {VisitRow} row @returns {VisitPersonRow | undefined} */
export const patientOf = (row) => row.people.find(({ role }) => role === "patient") ?? row.people[0];

/** @param {VisitRow} row @returns {Group} */
export function groupOf(row) {
  if (row.state === "finished" || row.state === "cancelled" || row.state === "noshow") return "done";
  const place = patientOf(row)?.place ?? "away";
  if (place === "present") return "call";
  if (place === "waiting") return "waiting";
  if (place === "dropped") return row.state === "in_progress" ? "call" : "waiting";
  return row.people.some((person) => person.place === "present") ? "call" : "later";
}

/**
 * Who waits longest stands first; the others by their appointment, what is done last first.
 * @param {Iterable<VisitRow>} rows
 * @returns {Record<Group, VisitRow[]>}
 */
export function grouped(rows) {
  /** @type {Record<Group, VisitRow[]>} */
  const groups = { call: [], waiting: [], later: [], done: [] };
  for (const row of rows) groups[groupOf(row)].push(row);
  const came = (/** @type {VisitRow} */ row) => patientOf(row)?.arrived_at ?? row.starts_at;
  groups.waiting.sort((a, b) => came(a) - came(b) || (a.id < b.id ? -1 : 1));
  for (const group of [groups.call, groups.later]) group.sort((a, b) => a.starts_at - b.starts_at);
  groups.done.sort((a, b) => b.starts_at - a.starts_at);
  return groups;
}

/** @extends {Emitter<{change: null, arrived: VisitRow}>} */
export class Today extends Emitter {
  /** @type {"loading" | "ready" | "failed"} */
  state = "loading";
  online = true;
  /** @type {Map<string, VisitRow>} */
  rows = new Map();
  /** @type {Account | null} */
  me = null;
  /** @type {Account[]} */
  colleagues = [];
  /** @type {DegradedPlugin[]} */
  degraded = [];
  #services;
  #stop = () => {};

  /** @param {StaffServices} services */
  constructor(services) {
    super();
    this.#services = services;
  }

  /** Loads, then listens. @throws what the first load throws */
  async start() {
    await this.load();
    this.#stop();
    this.#stop = this.#services.events({
      visit: (row) => this.apply(row),
      gone: (id) => {
        this.rows.delete(id);
        this.emit("change", null);
      },
      degraded: (plugins) => {
        this.degraded = plugins;
        this.emit("change", null);
      },
      online: (online) => this.#setOnline(online),
    });
  }

  async load() {
    try {
      const { visits, me, colleagues, degraded } = await this.#services.today();
      this.rows = new Map(visits.map((row) => [row.id, row]));
      this.me = me;
      this.colleagues = colleagues;
      this.degraded = degraded;
      this.state = "ready";
    } catch (error) {
      if (this.state === "loading") this.state = "failed";
      this.emit("change", null);
      throw error;
    }
    this.emit("change", null);
  }

  /** A row as it is now; an older one that comes late is not taken. @param {VisitRow} row */
  apply(row) {
    const known = this.rows.get(row.id);
    if (known && known.version > row.version) return;
    const came = groupOf(row) === "waiting" && (!known || groupOf(known) === "later");
    this.rows.set(row.id, row);
    if (came) this.emit("arrived", row);
    this.emit("change", null);
  }

  /** What happened while the events were cut off is not told again. @param {boolean} online */
  #setOnline(online) {
    const back = online && !this.online;
    this.online = online;
    this.emit("change", null);
    if (back) this.load().catch(() => {});
  }

  close() {
    this.#stop();
  }
}
