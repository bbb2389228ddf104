package data

var ReadIDX = readIDX
