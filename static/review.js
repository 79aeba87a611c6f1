// The letters of a copy stand behind # in its code: out of the address at once, and into the form.
const letters = location.hash.slice(1);
if (letters) {
  history.replaceState(null, "", location.pathname);
  const field = document.querySelector("#letters");
  field.value = letters;
  field.form.submit();
  field.value = ""; // the way back finds an empty field
}
