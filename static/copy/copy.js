// The letters of a copy stand behind # in its code: out of the address at once, and into the form. To a browser, going to
// another place of the page instead is being led on, and where one was led on from its list of visited pages leaves out.
const send = () => {
  const letters = location.hash.match(/^#([a-z]{28})$/i)?.[1];
  if (!letters) return;
  location.replace("#");
  history.replaceState(null, "", location.pathname);
  const field = document.querySelector("#letters");
  field.value = letters;
  field.form.submit();
  field.value = ""; // the way back finds an empty field
};
addEventListener("hashchange", send); // a code that is read while this page is open comes to this page
send();
