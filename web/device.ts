// device.ts: what the device tells the page: keys wherever the focus is, the network that comes and goes, sleep, and a
// keyboard that covers the page.

export interface DeviceHooks {
  /** Alt+↑ and Alt+↓ walk through the lists. */
  step: (by: 1 | -1) => void;
  /** Alt+A opens what is unread. */
  openUnread: () => void;
  /** Escape goes back to the newest message. */
  back: () => void;
  /** A letter typed anywhere is meant for the composer. */
  write: () => void;
  /** The page is looked at again, or the network is back. */
  wake: () => void;
  unplug: () => void;
  /** The page may be gone for good after this. */
  hide: () => void;
}

export function listenToDevice({ step, openUnread, back, write, wake, unplug, hide }: DeviceHooks): void {
  document.onkeydown = (event) => {
    const { key, code, altKey, ctrlKey, metaKey } = event;
    const { activeElement } = document;
    if (document.querySelector("dialog[open]") !== null) return; // its keys are its own
    if (key === "Escape") back();
    else if (altKey && (key === "ArrowUp" || key === "ArrowDown")) {
      event.preventDefault();
      step(key === "ArrowUp" ? -1 : 1);
    } else if (altKey && (key === "a" || code === "KeyA")) {
      event.preventDefault(); // on a Mac it would write å
      openUnread();
    } else if (!altKey && !ctrlKey && !metaKey && /^[^ ]$/u.test(key)) {
      if (activeElement === document.body || activeElement?.id === "scroll") write();
    }
  };
  document.onvisibilitychange = () => (document.hidden ? hide() : wake());
  window.ononline = wake;
  window.onoffline = unplug;
  window.onpagehide = hide;
  // Phones that lay the keyboard over the page instead of making it smaller.
  const { visualViewport } = window;
  visualViewport?.addEventListener("resize", () => {
    document.documentElement.style.setProperty("--height", `${visualViewport.height}px`);
  });
}
