// Makes the way through the practice app without showing it, to its good end; answers where it leads back to.
async ({ app, who }) => {
  const parsed = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/html");
  const send = ({ url }, answers) => fetch(url, { method: "POST", body: new URLSearchParams(answers) });

  let answer = await fetch(app);
  const cards = [...(await parsed(answer)).querySelectorAll("button[name=person]")];
  answer = await send(answer, { person: cards.find((card) => card.querySelector("b").textContent === who).value });
  answer = await send(answer, { outcome: "right" });
  answer = await send(answer, { outcome: "read" });
  return (await parsed(answer)).querySelector("a.huge").getAttribute("href");
}
