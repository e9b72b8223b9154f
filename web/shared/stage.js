/** The pictures of a call: who is large, who is small, and oneself. */

import { h, icon, setChildren, setText } from "./dom.js";
import { gridFor, plan } from "./layout.js";
import { t } from "./messages.js";
import { Tile } from "./tile.js";

/** @import {CallSession} from "./call-session.js" */
/** @import {RemoteParticipant} from "../sdk/src/participants.js" */
/** @import {TileView} from "./tile.js" */
/** @import {MessageKey} from "./messages.js" */

const GAP = 8;

export class Stage {
  #call;
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  #self = new Tile("self", null);
  #main = h("div", { class: "stage-main" });
  #strip = h("div", { class: "stage-strip" });
  #grid = h("div", { class: "stage-grid" });
  #pip = h("div", { class: "stage-pip" });
  #emptyTitle = h("h2");
  #emptyText = h("p");
  #empty;
  #words;
  /** Who went last, while nobody else is here. */
  #gone = "";

  /** @param {CallSession} call @param {{emptyText: MessageKey}} options */
  constructor(call, { emptyText }) {
    this.#call = call;
    this.#words = emptyText;
    call.room.on("left", ({ participant }) => {
      this.#gone = participant.name;
    });
    this.#empty = h(
      "div",
      { class: "stage-empty" },
      h("span", { class: "stage-empty-icon" }, icon("bell")),
      this.#emptyTitle,
      this.#emptyText,
    );
    this.el = h(
      "section",
      { class: "stage", "aria-label": t("stage.participants") },
      this.#main,
      this.#strip,
      this.#grid,
      this.#empty,
      this.#pip,
    );
    new ResizeObserver(() => this.#sizeGrid()).observe(this.#grid);
  }

  update() {
    const { room, layout, pinned, lastSpeaker } = this.#call;
    const people = room.participants;
    const arrangement = plan({
      people: people.map((p) => ({ id: p.id, sharing: p.screen.live })),
      speaker: lastSpeaker,
      pinned,
      mode: layout,
    });
    const tiles = [arrangement.main, ...arrangement.strip, ...arrangement.grid].filter(
      (tile) => tile !== null,
    );
    const kept = new Set(tiles.map(({ key }) => key));
    for (const [key, tile] of this.#tiles) {
      if (kept.has(key)) continue;
      tile.remove();
      this.#tiles.delete(key);
    }
    const several = tiles.length > 1;
    for (const { key, participant, source } of tiles) {
      const person = people.find(({ id }) => id === participant);
      if (person) this.#draw(key, person, source, several);
    }
    this.#updateSelf();
    const of = (/** @type {{key: string}} */ { key }) => /** @type {Tile} */ (this.#tiles.get(key)).el;
    setChildren(this.#main, arrangement.main ? [of(arrangement.main)] : []);
    setChildren(this.#strip, arrangement.strip.map(of));
    const inGrid = arrangement.grid.length > 0;
    setChildren(this.#grid, inGrid ? [...arrangement.grid.map(of), this.#self.el] : []);
    if (!inGrid) setChildren(this.#pip, [this.#self.el]);
    this.#main.hidden = !arrangement.main;
    this.#strip.hidden = arrangement.strip.length === 0;
    this.#grid.hidden = !inGrid;
    this.#pip.hidden = inGrid;
    this.#empty.hidden = people.length > 0;
    setText(
      this.#emptyTitle,
      this.#gone ? t("stage.left.title", { name: this.#gone }) : t("stage.empty.title"),
    );
    setText(this.#emptyText, t(this.#gone ? "stage.left.text" : this.#words));
    this.el.dataset.mode = inGrid
      ? "grid"
      : people.length === 0
        ? "empty"
        : arrangement.strip.length > 0
          ? "strip"
          : "one";
    this.#sizeGrid();
  }

  /** @param {string} key @param {RemoteParticipant} person @param {"camera" | "screen"} source @param {boolean} several */
  #draw(key, person, source, several) {
    let tile = this.#tiles.get(key);
    if (!tile) {
      tile = new Tile(key, () => this.#call.togglePin(key));
      tile.onLayer = (quality) => this.#call.room.prefer(person.track(source), quality);
      this.#tiles.set(key, tile);
    }
    if (tile.pin) tile.pin.hidden = !several;
    tile.update(viewOf(person, source, this.#call, key));
  }

  #updateSelf() {
    const { camera, microphone } = this.#call.media;
    const stream = camera.track ? this.#selfStream(camera.track) : null;
    this.#self.update({
      name: t("app.you"),
      stream,
      muted: microphone.muted || !microphone.track,
      speaking: false,
      hand: this.#call.room.handRaised,
      reconnecting: false,
      mirrored: camera.mirrored,
      whole: false,
      small: true,
      pinned: false,
    });
  }

  /** @type {MediaStream | null} */
  #ownStream = null;

  /** @param {MediaStreamTrack} track */
  #selfStream(track) {
    if (this.#ownStream?.getVideoTracks()[0] !== track) this.#ownStream = new MediaStream([track]);
    return this.#ownStream;
  }

  #sizeGrid() {
    const count = this.#grid.childElementCount;
    if (count === 0 || this.#grid.hidden) return;
    const style = getComputedStyle(this.#grid);
    const width =
      this.#grid.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight);
    const height =
      this.#grid.clientHeight - Number.parseFloat(style.paddingTop) - Number.parseFloat(style.paddingBottom);
    const best = gridFor(count, width, height, GAP);
    this.#grid.style.setProperty("--columns", String(best.columns));
    this.#grid.style.setProperty("--cell-width", `${Math.floor(best.width)}px`);
    this.#grid.style.setProperty("--cell-height", `${Math.floor(best.height)}px`);
  }
}

/** @param {RemoteParticipant} person @param {"camera" | "screen"} source @param {CallSession} call @param {string} key @returns {TileView} */
function viewOf(person, source, call, key) {
  const track = person.track(source);
  const screen = source === "screen";
  return {
    name: screen ? t("stage.screenOf", { name: person.name }) : person.name,
    stream: track.live ? track.stream : null,
    muted: !screen && person.microphone.muted,
    speaking: !screen && call.room.speaker === person,
    hand: !screen && person.hand,
    reconnecting: person.state === "reconnecting",
    mirrored: false,
    whole: screen,
    small: false,
    pinned: call.pinned === key,
  };
}
