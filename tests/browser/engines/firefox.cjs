// Loaded before the driver of browsers: Debian's Firefox does not know one command that it sends to every new window.
const Module = require("node:module");
const compile = Module.prototype._compile;
const UNKNOWN = /this\.\S+\.send\("emulation\.setMediaFeaturesOverride"/g;
Module.prototype._compile = function (source, file, ...rest) {
  const known = file.endsWith("coreBundle.js") ? source.replaceAll(UNKNOWN, 'Promise.resolve("unknown"') : source;
  return compile.call(this, known, file, ...rest);
};
