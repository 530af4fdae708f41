"""What the project's Python says, read and not run: names, environment."""

from __future__ import annotations

import ast

from prove import project_files


def code(name: str) -> str:
    """Give a Lambda's module as `ast` writes it: single quotes, a statement a line, no comments."""
    return ast.unparse(ast.parse(project_files.text(f"lambdas/{name}.py")))


def function(tree: ast.Module, name: str) -> ast.FunctionDef:
    return next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)


def reads(path: str, name: str) -> tuple[set[str], set[str]]:
    """Give what a function reads, with all of its module that it mentions: environment, names."""
    tree = ast.parse(project_files.text(path))
    bodies: dict[str, ast.AST] = {
        node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    # These call the functions that they decorate.
    callers = {
        ast.unparse(node.targets[0])
        for node in tree.body
        if isinstance(node, ast.Assign)
        and ast.unparse(node.value).startswith(("CfnResource(", "APIGatewayRestResolver("))
    }
    registered = [
        (caller, node.name)
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        for caller in callers
        if any(ast.unparse(each).startswith(f"{caller}.") for each in node.decorator_list)
    ]
    seen = set[str]()
    found = set[str]()
    todo = [name] if name in bodies else [called for by, called in registered if by == name]
    # What the module reads when it is loaded.
    nodes: list[ast.AST] = [node for node in tree.body if node not in bodies.values()]
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            nodes.append(bodies[current])
            words = {n.id for n in ast.walk(bodies[current]) if isinstance(n, ast.Name)}
            todo += [word for word in words if word in bodies]
            todo += [called for by, called in registered if by in words]
    for node in (each for top in nodes for each in ast.walk(top)):
        match node:
            case ast.Subscript(slice=ast.Constant(value=str(key))):
                found |= {key} if ast.unparse(node.value).endswith("environ") else set()
    return found, seen
