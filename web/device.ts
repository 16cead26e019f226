// device.ts: what the device tells the page: keys wherever the focus is, the mouse, files that are dropped, the network that comes and
// goes, sleep, and a keyboard that covers the page.

const FIELDS = "input, textarea, select";

export interface DeviceHooks {
  /** Alt+↑ and Alt+↓ walk through the lists. */
  step: (by: 1 | -1) => void;
  /** Alt+A opens what is unread. */
  openUnread: () => void;
  /** Escape goes back to the newest message. */
  back: () => void;
  /** A letter typed anywhere is meant for the composer. */
  write: () => void;
  /** ? asks for the keys. */
  showKeys: () => void;
  /** A file was dropped or pasted. */
  fileCame: () => void;
  /** The page is looked at again, or the network is back. */
  wake: () => void;
  unplug: () => void;
  /** The page may be gone for good after this. */
  hide: () => void;
}

export function listenToDevice(hooks: DeviceHooks): void {
  document.onkeydown = (event) => pressed(event, hooks);
  // A mouse does not take the focus from where one writes: a button's own would catch the next space that is typed.
  document.onmousedown = (event) => {
    if ((event.target as Element).closest("button") !== null) event.preventDefault();
  };
  refuseFiles(hooks.fileCame);
  document.onvisibilitychange = () => (document.hidden ? hooks.hide() : hooks.wake());
  window.ononline = hooks.wake;
  window.onoffline = hooks.unplug;
  window.onpagehide = hooks.hide;
  // Phones that lay the keyboard over the page instead of making it smaller. Who zooms in sees less, but the page is as high as before.
  const { visualViewport } = window;
  visualViewport?.addEventListener("resize", () => {
    const { height, scale } = visualViewport;
    document.documentElement.style.setProperty("--height", `${height * scale}px`);
  });
}

function pressed(event: KeyboardEvent, { step, openUnread, back, write, showKeys }: DeviceHooks): void {
  const { key, code, altKey } = event;
  if (event.defaultPrevented || event.isComposing || event.keyCode === 229) return; // meant for the field
  if (document.querySelector("dialog[open]") !== null) return; // its keys are its own
  if (key === "Escape") back();
  else if (altKey && (key === "ArrowUp" || key === "ArrowDown")) {
    event.preventDefault();
    step(key === "ArrowUp" ? -1 : 1);
  } else if (altKey && (key === "a" || code === "KeyA")) {
    event.preventDefault(); // on a Mac it would write å
    openUnread();
  } else if (isLetter(event) && document.activeElement?.matches(FIELDS) !== true) {
    if (key !== "?") return write(); // the browser puts it where the focus is by then
    event.preventDefault();
    showKeys();
  }
}
/** Whether a key writes something; a space presses buttons. AltGr, which writes @ on many keyboards, counts as Ctrl+Alt on some. */
function isLetter(event: KeyboardEvent): boolean {
  const isHeld = event.altKey || event.ctrlKey || event.metaKey;
  return /^[^ ]$/u.test(event.key) && (!isHeld || event.getModifierState("AltGraph"));
}

/** What is dropped outside a field, or is a file, would be shown by the browser in the place of the chat. */
function refuseFiles(came: () => void): void {
  document.ondragover = document.ondrop = (event) => {
    const isFile = event.dataTransfer?.types.includes("Files") === true;
    if (!isFile && (event.target as Element).matches(FIELDS)) return;
    event.preventDefault();
    if (isFile && event.type === "drop") came();
  };
  document.onpaste = ({ clipboardData }) => {
    if (clipboardData?.files.length && !clipboardData.types.includes("text/plain")) came();
  };
}
