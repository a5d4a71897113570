module helloworld

go 1.24
