/**
 * An EventTarget whose event names and details are typed. Listeners get CustomEvents through
 * addEventListener, or only the detail through `on`, which returns how to stop listening.
 * @template {Record<string, any>} Events
 */
export class Emitter extends EventTarget {
  /**
   * @template {keyof Events & string} K
   * @param {K} type
   * @param {(detail: Events[K]) => void} listener
   * @param {{once?: boolean, signal?: AbortSignal}} [options]
   * @returns {() => void}  stops listening
   */
  on(type, listener, options) {
    const handler = (/** @type {Event} */ event) => listener(/** @type {CustomEvent} */ (event).detail);
    this.addEventListener(type, handler, options);
    return () => this.removeEventListener(type, handler);
  }

  /**
   * @template {keyof Events & string} K
   * @param {K} type
   * @param {Events[K]} detail
   */
  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
