"""What fal's models accept and answer: tables of inputs, their validation, and the shape of outputs."""
