"""The search of a cube for what stands out of its noise, whatever made the cube: noise, templates, linking, trust."""
