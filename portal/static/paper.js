// Prints the page that says so; without this script the browser's own menu does.
const line = document.getElementById("print");
line.hidden = false;
line.querySelector("button").addEventListener("click", () => print());
