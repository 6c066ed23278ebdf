// Turns a text into upper case. Each exported interface of `wit/world.wit` is an object with a function for each of its.

export const transform = {
  // The text in upper case. What is thrown is the error of the interface: an empty text is one.
  apply(text) {
    if (!text.trim()) throw "the text is empty";
    return text.toUpperCase();
  },
};
