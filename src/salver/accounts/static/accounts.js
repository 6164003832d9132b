// The pages of accounts, made quicker: forms are checked and sent without leaving the page, and any link with
// data-salver-login opens the login as a dialog. Without this script, forms and links do the same the long way.
"use strict";

(() => {
  const here = new URL(document.currentScript ? document.currentScript.src : location.href);

  // Of this origin alone: what a server could be made to say must not lead elsewhere.
  function onwards(form) {
    const wanted = form.elements.next ? form.elements.next.value : "";
    if (wanted.startsWith("/")) {
      const url = new URL(wanted, location.origin);
      if (url.origin === location.origin && !wanted.startsWith("//") && !wanted.includes("\\")) return url.href;
    }
    return form.dataset.onwards;
  }

  const wrongOf = (input) => input.closest(".salver-field").querySelector(".salver-wrong");

  function say(input, text) {
    wrongOf(input).textContent = text;
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  function clear(form) {
    for (const input of form.querySelectorAll(".salver-field input")) say(input, "");
    form.querySelector(".salver-general").textContent = "";
  }

  function emptyFields(form) {
    const empty = [...form.querySelectorAll(".salver-field input[required]")].filter((input) => !input.value.trim());
    for (const input of empty) say(input, wrongOf(input).dataset.fillIn);
    if (empty.length) empty[0].focus();
    return empty.length > 0;
  }

  async function post(url, fields) {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      credentials: "same-origin",
      body: JSON.stringify(fields),
    });
    return answer.json();
  }

  function fail(form, said) {
    const input = said.field && form.elements[said.field];
    if (input && input.type !== "hidden" && !input.hidden) {
      say(input, said.detail);
      input.focus();
      if (input.type === "password") input.select();
    } else {
      form.querySelector(".salver-general").textContent = said.detail;
    }
  }

  async function submit(event) {
    const form = event.target;
    event.preventDefault();
    clear(form);
    if (emptyFields(form)) return;
    const button = form.querySelector(".salver-main");
    button.disabled = true;
    try {
      const fields = Object.fromEntries(new FormData(form));
      let said = await post(form.dataset.api, fields);
      if (said.code === 0 && form.dataset.then) said = await post(form.dataset.then, fields);
      if (said.code === 0) {
        const dialog = form.closest("dialog");
        if (dialog) dialog.close("done");
        location.assign(onwards(form));
      } else {
        fail(form, said);
      }
    } catch {
      const general = form.querySelector(".salver-general");
      general.textContent = general.dataset.unreachable;
    } finally {
      button.disabled = false;
    }
  }

  function prepare(root) {
    for (const form of root.querySelectorAll("form[data-api]")) {
      form.noValidate = true; // what is empty is said beside the field, in the page's language
      form.addEventListener("submit", submit);
    }
    for (const button of root.querySelectorAll(".salver-show")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        const input = button.closest(".salver-input").querySelector("input");
        const shown = input.type === "text";
        input.type = shown ? "password" : "text";
        button.textContent = shown ? button.dataset.show : button.dataset.hide;
        button.setAttribute("aria-pressed", String(!shown));
        input.focus();
      });
    }
    for (const time of root.querySelectorAll("time")) {
      const moment = new Date(time.dateTime);
      if (!Number.isNaN(moment.valueOf())) time.textContent = moment.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
    }
  }

  // The login page as a dialog over this one.
  async function openDialog(link) {
    const url = new URL(link.href);
    if (!url.searchParams.has("next")) url.searchParams.set("next", location.pathname + location.search);
    const answer = await fetch(url, { credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const card = page.querySelector(".salver-card");
    if (!answer.ok || answer.redirected || !card) return location.assign(url.href);
    const dialog = document.createElement("dialog");
    dialog.className = "salver-dialog";
    dialog.lang = page.documentElement.lang;
    dialog.setAttribute("aria-labelledby", "salver-dialog-title");
    const close = document.createElement("button");
    close.type = "button";
    close.className = "salver-close";
    close.textContent = "×";
    close.setAttribute("aria-label", page.body.dataset.cancel || "×");
    close.addEventListener("click", () => dialog.close());
    dialog.append(close, ...card.childNodes);
    dialog.querySelector("h1").id = "salver-dialog-title";
    dialog.addEventListener("close", () => { dialog.remove(); link.focus(); });
    document.body.append(dialog);
    prepare(dialog);
    dialog.showModal();
    dialog.querySelector("input:not([type=hidden])").focus();
  }

  function start() {
    prepare(document);
    for (const link of document.querySelectorAll("a[data-salver-login]")) {
      if (!document.querySelector('link[href*="/accounts.css"]')) {
        const style = document.createElement("link");
        style.rel = "stylesheet";
        style.href = new URL("accounts.css", here).href;
        document.head.append(style);
      }
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || !window.HTMLDialogElement) return;
        event.preventDefault();
        openDialog(link).catch(() => location.assign(link.href));
      });
    }
    // A page that the browser shows from its memory (the back button after logging out) asks anew.
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
