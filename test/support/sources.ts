// Reads TypeScript files for the tests that hold the rules of the house: their text, what they import, what they say.
import { readFileSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';

export interface SourceFile {
  /** From the root of the project, such as `src/domain/links.ts`. */
  readonly path: string;
  readonly text: string;
}

export interface Import {
  /** A path from the root of the project (`src/domain/links.ts`), or the name of a package. */
  readonly target: string;
  readonly isRelative: boolean;
  /** True for `import type` and `export type`, which leave nothing behind at run time. */
  readonly isTypeOnly: boolean;
}

/** Every TypeScript file in a folder and the folders in it. */
export function readSources(folder: string): SourceFile[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => posix.join(folder, name))
    .sort()
    .map((path) => ({ path, text: readFileSync(path, 'utf8') }));
}

/** All imports of a file: static, for types, for effects, re-exports, dynamic, `require`, and types by `import('…')`. */
export function importsOf(file: SourceFile): Import[] {
  return nodesOf(file).flatMap((node) => {
    const found = specifierOf(node);
    if (!found) return [];
    const name = ts.isStringLiteralLike(found.specifier) ? found.specifier.text : '(a computed name)';
    const isRelative = name.startsWith('.');
    const target = isRelative ? posix.join(posix.dirname(file.path), name).replace(/\.js$/, '.ts') : name;
    return [{ target, isRelative, isTypeOnly: found.isTypeOnly }];
  });
}

/** The pieces of text in a file's string and template literals, without those that name an import. */
export function literalsOf(file: SourceFile): string[] {
  return nodesOf(file)
    .filter(
      (node) =>
        ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node),
    )
    .filter((node) => !specifierOf(node.parent))
    .map((node) => node.text);
}

/** Every name that a file's code mentions; comments and strings are not code. */
export function namesIn(file: SourceFile): string[] {
  return nodesOf(file)
    .filter((node) => ts.isIdentifier(node))
    .map((node) => node.text);
}

/** True where code reads `process.env`, in whichever of the ways to write it. */
export function readsEnvironment(file: SourceFile): boolean {
  return nodesOf(file).some((node) => {
    if (ts.isPropertyAccessExpression(node)) return isProcess(node.expression) && node.name.text === 'env';
    if (ts.isElementAccessExpression(node)) return isProcess(node.expression);
    if (ts.isVariableDeclaration(node)) return node.initializer !== undefined && isProcess(node.initializer);
    const imported = specifierOf(node)?.specifier;
    return (
      imported !== undefined && ts.isStringLiteralLike(imported) && /^(node:)?process$/.test(imported.text)
    );
  });
}

function isProcess(node: ts.Expression): boolean {
  if (ts.isPropertyAccessExpression(node)) return node.name.text === 'process';
  return ts.isIdentifier(node) && node.text === 'process';
}

function specifierOf(node: ts.Node): { specifier: ts.Node; isTypeOnly: boolean } | undefined {
  if (ts.isImportDeclaration(node)) {
    const isTypeOnly = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
    return { specifier: node.moduleSpecifier, isTypeOnly };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
    return { specifier: node.moduleSpecifier, isTypeOnly: node.isTypeOnly };
  }
  if (ts.isExternalModuleReference(node)) return { specifier: node.expression, isTypeOnly: false };
  if (ts.isImportTypeNode(node)) {
    return {
      specifier: ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument,
      isTypeOnly: true,
    };
  }
  if (ts.isCallExpression(node) && node.arguments[0]) {
    const called = node.expression;
    const isImport =
      called.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(called) && called.text === 'require');
    if (isImport) return { specifier: node.arguments[0], isTypeOnly: false };
  }
  return undefined;
}

const parsed = new WeakMap<SourceFile, ts.Node[]>();

function nodesOf(file: SourceFile): ts.Node[] {
  const known = parsed.get(file);
  if (known) return known;
  const nodes: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    nodes.push(node);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2023, true));
  parsed.set(file, nodes);
  return nodes;
}
