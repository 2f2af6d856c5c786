// One side of './run.sh bench structured': answers a line of JSON with a line of JSON.
// usage: node structured_peers.mjs NODE_MODULES xgrammar VOCAB.json | gbnf
//   xgrammar: {"schema", "tests": [{"ids", "masks"}]} -> {"error"}, or {"compile", "masks", "accepted"}, times in µs
//   gbnf:     {"schema"} -> {"error"}, or {"grammar"}: the schema in llama.cpp's notation, by node-llama-cpp
import fs from "node:fs";
import Module from "node:module";
import path from "node:path";
import readline from "node:readline";
import { pathToFileURL } from "node:url";

const [modules, side, vocabularyFile] = process.argv.slice(2);
const version = name => JSON.parse(fs.readFileSync(path.join(modules, name, "package.json"))).version;
const microseconds = since => Number(process.hrtime.bigint() - since) / 1000;
const answer = value => process.stdout.write(JSON.stringify(value) + "\n");

async function xgrammar() {
    const name = "@mlc-ai/web-xgrammar";
    // The package calls its file an ES module, and it is a CommonJS one.
    const file = path.resolve(modules, name, "lib", "index.js");
    const library = new Module(file);
    library._compile(fs.readFileSync(file, "utf8"), file);
    const { GrammarCompiler, GrammarMatcher, TokenizerInfo } = library.exports;
    const tokens = [];
    for (const [token, id] of Object.entries(JSON.parse(fs.readFileSync(vocabularyFile)))) tokens[id] = token;
    const end = tokens.indexOf("<|endoftext|>");
    const info = await TokenizerInfo.createTokenizerInfo(tokens, "byte_level", false, tokens.length, end);
    const compiler = await GrammarCompiler.createGrammarCompiler(info, false);
    answer({ name, version: version(name) });
    return async ({ schema, tests }) => {
        const began = process.hrtime.bigint();
        // Any whitespace, and other properties than the declared ones, as JSON Schema has them.
        const compiled = await compiler.compileJSONSchema(schema, true, undefined, undefined, false);
        const masks = [], accepted = [];
        let compile = 0;
        for (const { ids, masks: timed } of tests) {
            const matcher = await GrammarMatcher.createGrammarMatcher(compiled);
            if (compile === 0) {
                await matcher.getNextTokenBitmask();
                compile = microseconds(began);
            }
            let read = 0;
            for (const id of ids) {
                if (read < timed) {
                    const asked = process.hrtime.bigint();
                    await matcher.getNextTokenBitmask();
                    masks.push(microseconds(asked));
                }
                if (!matcher.acceptToken(id)) break;
                read++;
            }
            accepted.push(read === ids.length && matcher.acceptToken(end));
            matcher.dispose();
        }
        compiled.dispose();
        return { compile, masks, accepted };
    };
}

async function gbnf() {
    const name = "node-llama-cpp";
    const file = path.resolve(modules, name, "dist", "utils", "gbnfJson", "getGbnfGrammarForGbnfJsonSchema.js");
    const { getGbnfGrammarForGbnfJsonSchema: convert } = await import(pathToFileURL(file));
    answer({ name, version: version(name) });
    // Behind the value node-llama-cpp asks for four line breaks, its sign to stop. The text here ends with the value.
    return async ({ schema }) => ({ grammar: convert(JSON.parse(schema)).replace(/ "(\\n){4}" \[\\n\]\*/, "") });
}

const work = await (side === "xgrammar" ? xgrammar() : gbnf());
for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
        answer(await work(JSON.parse(line)));
    } catch (error) {
        answer({ error: String(error?.message ?? error) });
    }
}
