// A button beside each editor of any site's page: it opens the upload page as a pop-up, whose codes go into the editor.
// Its settings are attributes of the script's element, those that the documentation of Chevereto's pop-up plugin names.

(() => {
  const data = document.currentScript?.dataset;
  const url = data?.url ? new URL(data.url, document.baseURI) : null;
  if (!url || !/^https?:$/.test(url.protocol)) {
    console.error("pup.js needs data-url, the address of the upload page.");
    return;
  }
  const isOn = (name) => !["0", "false"].includes(data[name]);
  const wish = data.autoInsert || "bbcode-embed-medium";
  const popups = new Map(); // what is open: name, and window, editor's element and place in it
  const buttons = new WeakMap(); // element of an editor: button and how often it was put there
  const touched = new WeakSet(); // fields that somebody was in, whose place is meant

  // Codes as they go in

  const escaped = (text) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  const markup = (code) => code.split("\n").map((line) => (wish.startsWith("html") ? line : escaped(line))).join("<br>");

  /** Put `code` on lines of its own between these texts. */
  function lines(before, code, after) {
    return (/\S$/.test(before) ? "\n" : "") + code + (/^\S/.test(after) ? "\n" : "");
  }

  // Editors: each has the element that a page knows it by, the box that it fills, and puts a code where the caret is

  function* tinyMce() {
    for (const one of [window.tinymce?.get?.() ?? []].flat()) {
      const element = one.getElement();
      yield { element, box: one.getContainer() || element, insert: (code) => one.insertContent(markup(code)) };
    }
  }

  function* ckEditor4() {
    for (const one of Object.values(window.CKEDITOR?.instances ?? {})) {
      const insert = (code) => (one.mode === "source" ? one.setData(`${one.getData()}\n${code}`) : one.insertHtml(markup(code)));
      yield { element: one.element.$, box: one.container?.$ || one.element.$, insert };
    }
  }

  function* ckEditor5() {
    for (const field of document.querySelectorAll(".ck-editor__editable")) {
      const one = field.ckeditorInstance;
      if (!one) continue;
      const insert = (code) => one.model.insertContent(one.data.toModel(one.data.processor.toView(markup(code))));
      yield { element: one.sourceElement || field, box: field.closest(".ck-editor") || field, insert };
    }
  }

  function* scEditor() {
    for (const element of document.querySelectorAll("textarea")) {
      const one = element._sceditor;
      if (one) yield { element, box: one.getContentAreaContainer().parentElement, insert: (code) => one.insert(code) };
    }
  }

  function* quill() {
    for (const element of document.querySelectorAll(".ql-container")) {
      const one = element.__quill;
      if (!one) continue;
      const insert = (code) => {
        const { index } = one.getSelection(true);
        if (wish.startsWith("html")) one.clipboard.dangerouslyPasteHTML(index, markup(code), "user");
        else one.insertText(index, code, "user");
      };
      yield { element, box: element, insert };
    }
  }

  function* codeMirror5() {
    for (const field of document.querySelectorAll(".CodeMirror")) {
      const one = field.CodeMirror;
      if (!one) continue;
      const insert = (code) => {
        const [from, to] = [one.getCursor("from"), one.getCursor("to")];
        const end = { line: one.lastLine() + 1, ch: 0 };
        one.replaceSelection(lines(one.getRange({ line: 0, ch: 0 }, from), code, one.getRange(to, end)));
      };
      yield { element: one.getTextArea?.() || field, box: field.closest(".EasyMDEContainer") || field, insert };
    }
  }

  /** Any other rich editor, such as those on ProseMirror, takes what is pasted; what has no script, the browser's command. */
  function* contentEditable() {
    for (const element of document.querySelectorAll("[contenteditable]:not([contenteditable=false])")) {
      if (element.parentElement?.isContentEditable || !isVisible(element)) continue;
      const insert = (code, range) => {
        element.focus();
        const place = range || document.createRange();
        if (!range) place.selectNodeContents(element), place.collapse(false);
        getSelection().removeAllRanges();
        getSelection().addRange(place);
        const clipboardData = new DataTransfer();
        clipboardData.setData("text/plain", code);
        if (wish.startsWith("html")) clipboardData.setData("text/html", markup(code));
        const paste = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
        if (element.dispatchEvent(paste)) document.execCommand("insertHTML", false, markup(code));
      };
      yield { element, box: element, insert };
    }
  }

  function textField(element) {
    const insert = (code) => {
      const { value } = element;
      const [start, end] = touched.has(element) ? [element.selectionStart, element.selectionEnd] : [value.length, value.length];
      element.setRangeText(lines(value.slice(0, start), code, value.slice(end)), start, end, "end");
      for (const type of ["input", "change"]) element.dispatchEvent(new Event(type, { bubbles: true }));
    };
    return { element, box: element, insert };
  }

  function* textAreas() {
    for (const element of document.querySelectorAll("textarea")) {
      if (isVisible(element) && !element.readOnly && !element.disabled) yield textField(element);
    }
  }

  const isVisible = (element) => element.offsetWidth > 40 && element.offsetHeight > 15;

  /** Return the editors of the page, those that are parts of others left out. */
  function editors() {
    const found = [];
    for (const kind of [tinyMce, ckEditor4, ckEditor5, scEditor, quill, codeMirror5, contentEditable, textAreas]) {
      for (const one of kind()) {
        if (!found.some(({ element, box }) => element === one.element || box.contains(one.element))) found.push(one);
      }
    }
    return found;
  }

  /** Return the editor that `element` is, holds or is a part of. */
  function editorAt(element) {
    const holds = ({ element: own, box }) => own === element || box.contains(element) || element.contains(own);
    return editors().find(holds) || ("setRangeText" in element ? textField(element) : null);
  }

  // Pop-ups

  function open(element) {
    const earlier = [...popups.values()].find((one) => one.element === element && !one.popup.closed);
    if (earlier) return earlier.popup.focus();
    const name = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const [left, top] = [(screen.availWidth - 720) / 2, (screen.availHeight - 690) / 2].map((side) => Math.max(0, Math.round(side)));
    const selection = getSelection();
    const range = selection.rangeCount && element.contains(selection.anchorNode) ? selection.getRangeAt(0).cloneRange() : null;
    const popup = window.open(url, name, `popup,width=720,height=690,left=${left},top=${top}`);
    if (popup) popups.set(name, { popup, element, range });
  }

  addEventListener("message", (event) => {
    const one = event.origin === url.origin ? popups.get(event.data?.id) : null;
    if (!one || event.source !== one.popup) return;
    if (event.data.requestAction === "postSettings") {
      const settings = { ...data, autoInsert: wish, autoClose: Number(isOn("autoClose")) };
      one.popup.postMessage({ id: event.data.id, settings }, url.origin);
    } else if (typeof event.data.message === "string" && event.data.message) {
      editorAt(one.element)?.insert(event.data.message, one.range);
      one.range = null;
    }
  });

  // Buttons

  const TEXTS = {
    ar: "رفع الصور", cs: "Nahrát obrázky", de: "Bilder hochladen", en: "Upload images", es: "Subir imágenes", fi: "Lähetä kuvia",
    fr: "Envoyer des images", id: "Unggah gambar", it: "Carica immagini", ja: "画像をアップロード", nl: "Afbeeldingen uploaden",
    pt: "Enviar imagens", ru: "Загрузить изображения", zh: "上传图片", zh_tw: "上傳圖片",
  };
  const PALETTES = {
    default: "#eee,#222,#0b57a4,#fff", clear: "transparent,inherit,#0b57a4,#fff", turquoise: "#0b7466,#fff,#085a50,#fff",
    green: "#1b6b34,#fff,#134d25,#fff", blue: "#0b57a4,#fff,#083f77,#fff", purple: "#6b3fa0,#fff,#502f78,#fff",
    darkblue: "#1d2f5a,#fff,#121e3b,#fff", yellow: "#f3cf45,#222,#dab322,#222", orange: "#f0a04b,#222,#dd8523,#222",
    red: "#b3261e,#fff,#861c16,#fff", grey: "#5c5c58,#fff,#444440,#fff", black: "#111,#fff,#444,#fff",
  };
  const ICON = '<svg viewBox="0 0 32 32" aria-hidden="true"><path d="M16 3l9 10h-6v10h-6V13H7zM5 26h22v3H5z"/></svg>';
  const HTML = '<div class="%cClass"><button type="button" %x class="%bClass"><span class="%iClass">%iconSvg</span>%text</button></div>';
  const CSS = `.%cClass{display:inline-block;margin:5px 0}.%bClass{display:inline-flex;align-items:center;gap:.4em;font:600 13px/1.4
    system-ui,sans-serif;padding:.4em .9em;border:1px solid rgba(0,0,0,.2);border-radius:.25em;background:%1;color:%2;cursor:pointer}
    .%bClass:hover,.%bClass:focus-visible{background:%3;color:%4}.%iClass{display:inline-block;width:1em;height:1em}
    .%bClass svg{display:block;width:1em;height:1em;fill:currentColor}`;
  const MARK = "data-chevereto-pup-button";
  const names = {
    cClass: data.containerClass || "chevereto-pup-container", bClass: data.buttonClass || "chevereto-pup-button",
    iClass: "chevereto-pup-icon", iconSvg: ICON, text: textIn(data.lang || "auto"), x: MARK,
  };
  const filled = (template) => template.replace(/%(cClass|bClass|iClass|iconSvg|text|x)\b/g, (_, name) => names[name]);

  function textIn(lang) {
    const wanted = (lang === "auto" ? document.documentElement.lang || navigator.language : lang).toLowerCase().replace("-", "_");
    return TEXTS[wanted] || TEXTS[wanted.split("_")[0]] || TEXTS.en;
  }

  function makeButton(element) {
    const template = document.createElement("template");
    template.innerHTML = filled(data.html || HTML).trim();
    const made = template.content.firstElementChild;
    const trigger = made.matches(`[${MARK}]`) ? made : made.querySelector(`[${MARK}]`) || made;
    // The caret stays where it is.
    trigger.addEventListener("mousedown", (event) => event.preventDefault());
    trigger.addEventListener("click", (event) => {
      event.preventDefault();
      const wanted = element || targets()[0]?.element;
      if (wanted) open(wanted);
    });
    return made;
  }

  /** Return the editors that get a button. */
  function targets() {
    if (data.target && data.target !== "auto") return [...document.querySelectorAll(data.target)].map(editorAt).filter(Boolean);
    return data.mode === "manual" ? [] : editors();
  }

  function place(beside, element) {
    const key = element || beside;
    const earlier = buttons.get(key) || { count: 0 };
    // What the page itself takes away again and again, it does not want.
    if (earlier.made?.isConnected || earlier.count > 20) return;
    const made = makeButton(element);
    buttons.set(key, { made, count: earlier.count + 1 });
    beside.insertAdjacentElement(data.siblingPos === "before" ? "beforebegin" : "afterend", made);
  }

  function placeAll() {
    if (data.sibling) {
      const sibling = document.querySelector(data.sibling);
      if (sibling && targets().length) place(sibling, null);
    } else {
      for (const { element, box } of targets()) place(box, element);
    }
  }

  let isWaiting = false;
  function placeSoon() {
    if (isWaiting) return;
    isWaiting = true;
    setTimeout(() => { isWaiting = false; placeAll(); }, 200);
  }

  const colors = (PALETTES[data.palette || "default"] || data.palette).split(/,(?![^(]*\))/);
  const sheet = new CSSStyleSheet(); // which no policy of the page forbids
  sheet.replaceSync(filled(data.css || CSS).replace(/%(\d+)/g, (_, number) => colors[number - 1]?.trim() || ""));
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  document.addEventListener("focusin", (event) => touched.add(event.target));
  document.addEventListener("click", (event) => {
    // Of several scripts on a page, the first one answers a button of the page's own.
    const trigger = event.defaultPrevented ? null : event.target.closest?.("[data-chevereto-pup-trigger]");
    const element = trigger && document.querySelector(trigger.dataset.target);
    if (element) {
      event.preventDefault();
      open(element);
    }
    if (data.observe && event.target.closest?.(data.observe)) placeSoon();
  });
  new MutationObserver(placeSoon).observe(document.documentElement, { childList: true, subtree: true });
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", placeAll);
  else placeAll();
})();
