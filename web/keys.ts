// keys.ts: what can be done from the keyboard wherever the focus is: Alt+↑ and Alt+↓ walk through the lists, Alt+A opens
// what is unread, Escape goes back to the newest message, a letter goes to the composer. Called by view.ts.

export interface Steps {
  /** Opens the list's next entry, or the one before. */
  step: (by: 1 | -1) => void;
  openUnread: () => void;
  back: () => void;
  write: () => void;
}

export function listenToKeys({ step, openUnread, back, write }: Steps): void {
  document.onkeydown = (event) => {
    const { key, code, altKey, ctrlKey, metaKey } = event;
    const { activeElement } = document;
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
}
