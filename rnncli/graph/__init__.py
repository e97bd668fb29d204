"""The network as an ONNX graph over the stored weights. Neither torch nor onnx.

Shapes: T time, B rows, S state width, G gates x hidden, E embedding, D features, V vocabulary; P places whose
prediction is wanted, M targets among those.

    in   ids_TB  h0_BS c0_BH h1_BS ...     tokens read, and each layer's state before them
         ends_B                            place t * B + b of each row's last real token: where its state is taken
         places_P                          places t * B + b whose prediction is wanted
         rows_M targets_M                  the targets: indexes among places_P, and token ids
         details group_V                   whether what follows is wanted; 1 for each token of some group, 0 for others
    out  h0_BS ... (named after_...)       states at ends_B
         logprobs_PV logprob_M             log-probabilities, of all tokens and of the targets
         rank_M entropy_P mass_P           empty unless wanted; the mass is the logarithm of the group's probability

Every layer is a Scan over its cell written out gate by gate, not ONNX's LSTM, GRU and RNN operators: so all cells,
activations and weight precisions share one form, gates could be looked at, and ONNX Runtime runs it as fast.
Whatever the batch, a row comes out the same to the bit, because with prepacked weights its products do.
"""
