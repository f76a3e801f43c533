// check_gltf.mjs - every model of assets/ against the Khronos glTF validator: no error, no warning.
// Usage: node check_gltf.mjs ASSETS_FOLDER NODE_MODULES_FOLDER
// Return code 77 (skip) where the validator is not installed; `./run test` installs it below build/npm.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const [assets, modules] = process.argv.slice(2);
if (!assets || !modules) {
    console.error('usage: check_gltf.mjs ASSETS_FOLDER NODE_MODULES_FOLDER');
    process.exit(2);
}

function findModels(folder) {
    return fs.readdirSync(folder, { withFileTypes: true })
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .flatMap((entry) => {
            const full = path.join(folder, entry.name);
            if (entry.isDirectory()) return findModels(full);
            return /\.(glb|gltf)$/.test(entry.name) ? [full] : [];
        });
}

let validator;
try {
    validator = createRequire(path.join(path.resolve(modules), 'x.js'))('gltf-validator');
} catch {
    console.log(`skipped: gltf-validator is not in ${modules}`);
    process.exit(77);
}

const files = findModels(assets);
let bad = 0;
for (const file of files) {
    const folder = path.dirname(file);
    const report = await validator.validateBytes(new Uint8Array(fs.readFileSync(file)), {
        uri: path.basename(file),
        externalResourceFunction: async (uri) => new Uint8Array(fs.readFileSync(path.join(folder, decodeURIComponent(uri)))),
    });
    const { numErrors, numWarnings, messages } = report.issues;
    if (numErrors + numWarnings > 0) {
        bad += 1;
        console.log(`${file}: ${numErrors} errors, ${numWarnings} warnings`);
        for (const m of messages.slice(0, 5)) console.log(`  ${m.code} ${m.pointer ?? ''}: ${m.message}`);
    }
}
console.log(`${files.length} models checked, ${bad} with errors or warnings`);
process.exit(bad > 0 || files.length === 0 ? 1 : 0);
