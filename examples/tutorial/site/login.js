"use strict";

const find = (selector) => document.querySelector(selector);
const dialog = find("dialog"), form = find("form"), username = find("#username"), password = find("#password");

/* Say what is wrong beside its field; no words mean that nothing is. */
function say(field, problem) {
  find(`#${field.id}-problem`).textContent = problem;
  field.setAttribute("aria-invalid", String(problem !== ""));
}

function open() {
  form.reset();
  [username, password].forEach((field) => say(field, ""));
  dialog.showModal();
}

/* Refuse what is empty before anything is sent; true where nothing is. */
function complete() {
  say(username, username.value.trim() ? "" : "Please give your user name.");
  say(password, password.value ? "" : "Please give your password.");
  const empty = [username, password].find((field) => field.getAttribute("aria-invalid") === "true");
  if (empty) empty.focus();
  return !empty;
}

/* The server's answer; its address is the page's own, whatever the port. */
async function ask(credentials) {
  const response = await fetch("/api/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(credentials),
  });
  return response.json();
}

function enter(name) {
  dialog.close();
  find("#greeting").textContent = `Welcome, ${name}`;
  find("#words").textContent = "The pantry is open.";
  find("#inside").hidden = false;
  find("#open").hidden = true;
  find("#greeting").focus();
}

async function submit(event) {
  event.preventDefault();
  if (!complete()) return;
  find("#send").disabled = true;
  try {
    const answer = await ask({ username: username.value.trim(), password: password.value });
    if (answer.code === 0) return enter(username.value.trim());
    say(password, "User name and password do not match.");
    password.select();
  } catch {
    say(password, "The server did not answer. Please try again.");
  } finally {
    find("#send").disabled = false;
  }
}

form.addEventListener("submit", submit);
[username, password].forEach((field) => field.addEventListener("input", () => say(field, "")));
find("#open").addEventListener("click", open);
find("#cancel").addEventListener("click", () => dialog.close());
open();
