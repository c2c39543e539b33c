module sample.test

go 1.26
