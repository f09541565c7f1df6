"""Where frames come from: one file a transport. A source hands every frame to the intake and answers when it is durable."""
