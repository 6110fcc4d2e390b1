// node read.mjs FILE FIRST COUNT: those events of the table `events`, by column, and the metadata, as JSON
import { openFile, addUserStreamer } from 'jsroot/io';
import { TSelector, treeProcess } from 'jsroot/tree';
import { rntupleProcess, readHeaderFooter } from 'jsroot/rntuple';

// the anchor of an RNTuple (RNTuple binary format 1.0), a class that every ROOT knows and files do not describe
addUserStreamer('ROOT::RNTuple', (buffer, anchor) => {
  for (const name of ['fVersionEpoch', 'fVersionMajor', 'fVersionMinor', 'fVersionPatch']) anchor[name] = buffer.ntou2();
  for (const name of ['Seek', 'NBytes', 'Len']) anchor[`f${name}Header`] = buffer.ntou8();
  for (const name of ['Seek', 'NBytes', 'Len']) anchor[`f${name}Footer`] = buffer.ntou8();
  anchor.fMaxKeySize = buffer.ntou8();
  anchor.$kind = 'ROOT::RNTuple';
  anchor.$file = buffer.fFile;
});

const [path, first, count] = process.argv.slice(2);
const file = await openFile(path);
const table = await file.readObject('events');
const isTree = table._typename === 'TTree';
const names = isTree
  ? table.fBranches.arr.map((branch) => branch.fName)
  : (await readHeaderFooter(table)).fieldDescriptors.map((field) => field.fieldName);

const columns = Object.fromEntries(names.map((name) => [name, []]));
const selector = new TSelector();
names.forEach((name) => selector.addBranch(name));
selector.Process = function () {
  for (const name of names) columns[name].push(Number(this.tgtobj[name]));
};
const range = { firstentry: Number(first), numentries: Number(count) };
await (isTree ? treeProcess : rntupleProcess)(table, selector, range);
const { fString: metadata } = await file.readObject('metadata');
console.log(JSON.stringify({ columns, metadata }));
