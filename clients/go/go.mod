module entropyd

go 1.19
