// Greets somebody by name.

export const greeting = {
  greet(name) {
    return `Hello, ${name}!`;
  },
};
