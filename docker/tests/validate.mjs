// Validates Kubernetes objects (a JSON list on stdin) against Kubernetes' own schemas, which the
// npm package kubernetes-models holds; the first argument is the folder of node_modules.
//
// Its validate() lets unknown fields pass, as the schemas do. The API server warns of them, and
// drops them: a manifest with a misspelt field means something else. So the fields are held
// against the package's declarations of types, too.
import { readFileSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const models = join(process.argv[2], "kubernetes-models");
let errors = 0, fields = 0;

function complain(where, what) {
	console.error(`${where}: ${what}`);
	errors++;
}

// The interface that a declaration file exports: field to type, and type to file.
function declaration(file) {
	const text = readFileSync(file, "utf8").replace(/\/\*[^]*?\*\//g, "");
	const body = /export interface I\w+[^{]*\{([^]*?)\n\}/.exec(text)?.[1] ?? "";
	const types = {}, files = {};
	for (const [, name, type] of body.matchAll(/^\s*"([^"]+)"\??: ([^;]+);/gm))
		types[name] = type;
	for (const [, name, from] of text.matchAll(/import \{ (\w+) \} from "([^"]+)"/g))
		if (from.startsWith("."))
			files[name] = join(dirname(file), from.replace(/\.js$/, ".d.ts"));
	return { types, files };
}

function check_fields(where, value, file) {
	const { types, files } = declaration(file);
	for (const [name, part] of Object.entries(value)) {
		if (!(name in types)) {
			complain(`${where}.${name}`, "there is no such field");
			continue;
		}
		fields++;
		const next = files[/I\w+/.exec(types[name])?.[0]];
		if (next && existsSync(next))
			for (const item of [part].flat())
				if (item && typeof item === "object")
					check_fields(`${where}.${name}`, item, next);
	}
}

for (const object of JSON.parse(readFileSync(0, "utf8"))) {
	const { apiVersion, kind } = object;
	const where = `${kind} ${object.metadata?.name}`;
	const path = join(models, apiVersion, `${kind}.js`);
	if (!existsSync(path)) {
		complain(where, `there is no kind ${kind} in ${apiVersion}`);
		continue;
	}
	const { [kind]: Model } = await import(pathToFileURL(path));
	try {
		new Model(object).validate();
	} catch (error) {
		complain(where, error.message);
	}
	check_fields(kind, object, path.replace(/\.js$/, ".d.ts"));
}
if (fields === 0)
	complain("stdin", "no field was checked");
console.log(`${fields} fields`);
process.exit(errors === 0 ? 0 : 1);
