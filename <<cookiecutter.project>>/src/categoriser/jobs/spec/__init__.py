"""What each job is: image, command, inputs, outputs, machine. Every workflow renders it its way."""
