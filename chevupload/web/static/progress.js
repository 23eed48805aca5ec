// How far everything is: the share that is sent, how fast, and how long the rest takes, once a second.

import { all, isUnderWay } from "./list.js";
import { spellBytes } from "./row.js";
import { pauseWords, spellTime } from "./words.js";

const section = document.getElementById("all");

export class Progress {
  #samples = [];
  #pause = null; // while nothing is sent: the queue's reason

  constructor() {
    setInterval(() => this.show(), 1000);
  }

  /** Sending has stopped for a reason, or goes on. */
  set pause(pause) {
    this.#pause = pause;
    this.#samples = [];
    this.show();
  }

  show() {
    if (!isUnderWay()) return;
    const { total, sent, speed, left } = this.#read(all().filter((task) => task.isUnderWay || task.state === "done"));
    const share = total ? Math.floor((100 * sent) / total) : 0;
    const facts = [`${share} % of ${spellBytes(total)}`];
    if (speed) facts.push(`${spellBytes(speed)} per second`);
    if (left >= 10 && left < Infinity) facts.push(spellTime(left));
    section.querySelector("progress").value = share;
    document.getElementById("measured").textContent = this.#pause ? pauseWords(this.#pause) : facts.join(" · ");
  }

  /** Return the numbers of these tasks, of which none is cancelled; called once a second. */
  #read(tasks) {
    const total = tasks.reduce((sum, task) => sum + task.size, 0);
    const sent = tasks.reduce((sum, task) => sum + task.size * task.share, 0);
    this.#samples = [...this.#samples.slice(-5), { at: performance.now(), sent }];
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    const elapsed = (last.at - first.at) / 1000;
    const speed = elapsed > 1 ? Math.max(0, last.sent - first.sent) / elapsed : 0;
    return { total, sent, speed, left: speed ? (total - sent) / speed : Infinity };
  }
}
