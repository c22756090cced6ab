"""The verbs of the kubectl plugin: one module each; `app` names them."""
