// Timers on a clock of their own: there is no other here, and a wait costs no time.

/** What waits to be called, the next first. */
export class Timers {
  constructor() {
    this.begin();
  }

  /** Forgets all, and begins anew. */
  begin() {
    this.waiting = [];
    this.now = 0;
    this.last = 0;
  }

  /** `setTimeout`, and with `every` `setInterval`. */
  add(callback, wait, values, every = false) {
    if (typeof callback !== "function") throw new TypeError("a timer takes a function");
    const least = every ? 1 : 0;
    const delay = Math.max(least, Number(wait) || 0);
    const timer = { id: ++this.last, due: this.now + delay, callback, values, every: every ? delay : 0 };
    this.put(timer);
    return timer.id;
  }

  /** `AbortSignal.timeout`. */
  aborting(wait) {
    const controller = new AbortController();
    this.add(() => controller.abort(new DOMException("the time is up", "TimeoutError")), wait, []);
    return controller.signal;
  }

  put(timer) {
    const at = this.waiting.findIndex((other) => other.due > timer.due);
    this.waiting.splice(at < 0 ? this.waiting.length : at, 0, timer);
  }

  remove(id) {
    this.waiting = this.waiting.filter((timer) => timer.id !== id);
  }

  /** Drops those that would be called for ever. */
  endIntervals() {
    this.waiting = this.waiting.filter((timer) => !timer.every);
  }

  /** Calls the next one, for which no time passes but on this clock; whether there was one. */
  callNext() {
    const timer = this.waiting.shift();
    if (timer === undefined) return false;
    this.now = timer.due;
    if (timer.every) this.put({ ...timer, due: timer.due + timer.every });
    timer.callback(...timer.values);
    return true;
  }
}
